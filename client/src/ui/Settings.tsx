import { useState, type ReactNode } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../core/chat";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { isLanguage, languages, useLocale } from "./i18n";
import { NotEncrypted } from "./NotEncrypted";
import { schemes, usePreferences } from "./preferences";
import { useReadable } from "./readable";
import { useSession } from "./session";
import { Text } from "./Text";
import { TokenDialog } from "./Token";
import { space } from "./theme";

/** The settings: the identity, the language, the colours, and signing out. */
export function Settings({ chat, onClose }: { readonly chat: Chat; readonly onClose: () => void }) {
  const { t } = useLocale();
  const preferences = usePreferences();
  const { language, scheme } = useReadable(preferences.choices);
  const refused = useReadable(chat.link).is === "refused";
  const [asking, setAsking] = useState(false);
  return (
    <Dialog title={t("settings")} onClose={onClose}>
      <Section title={t("signed-in")}>
        <Text strong quoted>
          {chat.client}
        </Text>
        <NotEncrypted server={chat.server} />
        {refused && <Button opens label={t("new-token")} onPress={() => setAsking(true)} />}
      </Section>
      <Choice
        title={t("language")}
        chosen={language ?? ""}
        onChoose={(chosen) => preferences.choose({ language: isLanguage(chosen) ? chosen : null })}
        options={[
          ["", t("language-device")],
          ...Object.entries(languages).map(([tag, { name }]): Option => [tag, name]),
        ]}
      />
      <Choice
        title={t("scheme")}
        chosen={scheme}
        onChoose={(chosen) => preferences.choose({ scheme: schemes.find((s) => s === chosen) ?? "system" })}
        options={schemes.map((s): Option => [s, t(`scheme-${s}`)])}
      />
      <Section title={t("about")}>
        <Text tone="muted">{t("about-text")}</Text>
      </Section>
      <SignOut chat={chat} />
      {asking && <TokenDialog onClose={() => setAsking(false)} />}
    </Dialog>
  );
}

/** A value and its label. */
type Option = readonly [value: string, label: string];

interface ChoiceProps {
  readonly title: string;
  readonly options: readonly Option[];
  readonly chosen: string;
  readonly onChoose: (value: string) => void;
}

/** A choice of one option out of a few. */
function Choice({ title, options, chosen, onChoose }: ChoiceProps) {
  return (
    <Section title={title}>
      <View role="group" aria-label={title} style={styles.options}>
        {options.map(([value, label]) => (
          <Button key={value} label={label} chosen={value === chosen} onPress={() => onChoose(value)} />
        ))}
      </View>
    </Section>
  );
}

/** The button to sign out. It warns if unsent messages would be lost. */
function SignOut({ chat }: { readonly chat: Chat }) {
  const { t } = useLocale();
  const session = useSession();
  const waiting = useReadable(chat.waiting);
  const [warned, setWarned] = useState(false);
  const leave = () => void session.signOut();
  if (warned && waiting > 0) {
    return (
      <Section title={t("sign-out")}>
        <Text role="alert">{t("sign-out-waiting", { count: waiting })}</Text>
        <View style={styles.options}>
          <Button label={t("cancel")} onPress={() => setWarned(false)} />
          <Button kind="danger" label={t("sign-out-anyway")} onPress={leave} />
        </View>
      </Section>
    );
  }
  return (
    <Section>
      <Button kind="danger" label={t("sign-out")} onPress={() => (waiting > 0 ? setWarned(true) : leave())} />
      <Text size="small" tone="muted">
        {t("sign-out-hint")}
      </Text>
    </Section>
  );
}

function Section({ title, children }: { readonly title?: string; readonly children: ReactNode }) {
  return (
    <View style={styles.section}>
      {title !== undefined && (
        <Text size="small" strong tone="muted">
          {title}
        </Text>
      )}
      {children}
    </View>
  );
}

const styles = StyleSheet.create({
  section: { gap: space.s },
  options: { flexDirection: "row", flexWrap: "wrap", gap: space.s },
});
