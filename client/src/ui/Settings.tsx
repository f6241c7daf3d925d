import { useEffect, useState } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../core/chat";
import { Avatar } from "./Avatar";
import { useBusy } from "./busy";
import { Button } from "./Button";
import { copyText } from "./clipboard";
import { Dialog } from "./Dialog";
import { isLanguage, languages, useLocale } from "./i18n";
import { NotEncrypted } from "./NotEncrypted";
import { NotificationSettings } from "./notifications/NotificationSettings";
import { densities, schemes, usePreferences } from "./preferences";
import { useReadable } from "./readable";
import { ActionRow, Choice, Section, type Option } from "./Rows";
import { useSession } from "./session";
import { Text } from "./Text";
import { TokenDialog } from "./Token";
import { space } from "./theme";

/** The settings: the identity, how the app looks, what it notifies of, a report of faults, and signing out. */
export function Settings({ chat, onClose }: { readonly chat: Chat; readonly onClose: () => void }) {
  const { t } = useLocale();
  return (
    <Dialog title={t("settings")} onClose={onClose}>
      <Me chat={chat} />
      <Looks />
      <NotificationSettings />
      <About chat={chat} />
      <SignOut />
    </Dialog>
  );
}

function Me({ chat }: { readonly chat: Chat }) {
  const { t } = useLocale();
  const refused = useReadable(chat.link).is === "refused";
  const [asking, setAsking] = useState(false);
  return (
    <View style={styles.me}>
      <Avatar name={chat.client} size={44} />
      <View style={styles.words}>
        <Text strong quoted>
          {chat.client}
        </Text>
        <Text size="small" tone="muted">
          {hostOf(chat.server)}
        </Text>
        <NotEncrypted server={chat.server} />
      </View>
      {refused && <Button small opens label={t("new-token")} onPress={() => setAsking(true)} />}
      {asking && <TokenDialog onClose={() => setAsking(false)} />}
    </View>
  );
}

function hostOf(server: string): string {
  return server.replace(/^https?:\/\//, "");
}

function Looks() {
  const { t } = useLocale();
  const preferences = usePreferences();
  const { language, scheme, density } = useReadable(preferences.choices);
  return (
    <Section title={t("looks")}>
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
      <Choice
        title={t("density")}
        chosen={density}
        onChoose={(chosen) => preferences.choose({ density: densities.find((d) => d === chosen) ?? "comfortable" })}
        options={densities.map((d): Option => [d, t(`density-${d}`)])}
      />
    </Section>
  );
}

function About({ chat }: { readonly chat: Chat }) {
  const { t } = useLocale();
  const [copied, setCopied] = useState<boolean | null>(null);
  const [version, setVersion] = useState<string | null>(null);
  useEffect(() => void chat.version().then(setVersion, () => undefined), [chat]); // without an answer none is shown
  return (
    <Section title={t("about")}>
      <Text size="note" tone="muted">
        {t("about-text")}
      </Text>
      {version !== null && (
        <Text size="small" tone="muted" testID="version">
          {t("version", { version })}
        </Text>
      )}
      <ActionRow
        label={t("copy-events")}
        hint={copied === null ? t("copy-events-hint") : t(copied ? "copied" : "not-copied")}
        onPress={() => void copyText(chat.events.text()).then(setCopied)}
      />
    </Section>
  );
}

/** The row to sign out. It warns if unsent messages would be lost, of whomever. */
function SignOut() {
  const { t } = useLocale();
  const session = useSession();
  const [unsent, setUnsent] = useState(0);
  const leave = () => void session.signOut();
  const [busy, ask] = useBusy(async () => {
    const count = await session.unsent();
    if (count > 0) setUnsent(count);
    else leave();
  });
  if (unsent > 0) {
    return (
      <Section title={t("sign-out")}>
        <Text role="alert">{t("sign-out-waiting", { count: unsent })}</Text>
        <View style={styles.options}>
          <Button label={t("cancel")} onPress={() => setUnsent(0)} />
          <Button kind="danger" label={t("sign-out-anyway")} onPress={leave} />
        </View>
      </Section>
    );
  }
  return (
    <Section>
      <ActionRow
        icon="leave"
        tone="danger"
        label={t(busy ? "busy" : "sign-out")}
        hint={t("sign-out-hint")}
        onPress={ask}
      />
    </Section>
  );
}

const styles = StyleSheet.create({
  me: { flexDirection: "row", alignItems: "center", gap: space.m },
  words: { flex: 1, minWidth: 0 },
  options: { flexDirection: "row", flexWrap: "wrap", gap: space.s },
});
