import { useState, type ReactNode } from "react";
import { ScrollView, StyleSheet, View } from "react-native";

import type { Problem, Stage } from "../core/session";
import { useBusy } from "./busy";
import { Button } from "./Button";
import { Field } from "./Field";
import { useLocale } from "./i18n";
import { Mark } from "./Mark";
import { NotEncrypted } from "./NotEncrypted";
import { useSession } from "./session";
import { Text } from "./Text";
import { TokenForm } from "./Token";
import { radius, space, useColours } from "./theme";

type SignInStage = Exclude<Stage, { is: "chat" | "failed" }>;

/** Shown until the chat is open. It asks for each missing value, one at a time. */
export function SignIn({ stage }: { readonly stage: SignInStage }) {
  const { t } = useLocale();
  const session = useSession();
  switch (stage.is) {
    case "opening":
      return <Opening />;
    case "server":
      return (
        <Card title={t("welcome-server")}>
          <Line key="server" of="server" problem={stage.problem} onText={(text) => session.enterServer(text)} />
        </Card>
      );
    case "name":
      return (
        <Card title={t("welcome-name")} server={stage.server}>
          <Line key="name" of="name" problem={stage.problem} onText={(text) => session.enterName(text)} />
        </Card>
      );
    case "token":
      return (
        <Card title={t("welcome-token")} server={stage.server}>
          <TokenForm problem={stage.problem} onToken={(token) => session.enterToken(token)} />
        </Card>
      );
    case "unreachable":
      return (
        <Card title={t("unreachable-title")} server={stage.server}>
          <Text role="alert" tone="muted">
            {t("unreachable-text", { server: stage.server })}
          </Text>
          <RetryButton onRetry={() => session.probe()} />
        </Card>
      );
    case "unchecked":
      return (
        <Card title={t("unreachable-title")} server={stage.server}>
          <Text role="alert">{t("token-kept", { client: stage.client })}</Text>
          <RetryButton onRetry={() => session.probe()} />
          <Button label={t("token-forget")} onPress={() => session.dismiss()} />
        </Card>
      );
  }
}

/** Shown while the app opens. The logo does not move, because this takes only a moment. */
export function Opening() {
  const colours = useColours();
  const { t } = useLocale();
  return (
    <View role="main" aria-label={t("opening")} style={[styles.opening, { backgroundColor: colours.ground }]}>
      <Mark size={56} />
    </View>
  );
}

function RetryButton({ onRetry }: { readonly onRetry: () => Promise<void> }) {
  const { t } = useLocale();
  const [busy, retry] = useBusy(onRetry);
  return <Button kind="primary" label={t(busy ? "busy" : "try-again")} onPress={retry} />;
}

interface LineProps {
  readonly of: "server" | "name";
  readonly problem: Problem | undefined;
  readonly onText: (text: string) => Promise<void>;
}

/** Asks for one line. */
function Line({ of, problem, onText }: LineProps) {
  const { t } = useLocale();
  const [text, setText] = useState("");
  const [busy, enter] = useBusy(() => onText(text));
  return (
    <View style={styles.form}>
      <Field
        label={t(of)}
        hint={t(of === "server" ? "server-hint" : "name-hint")}
        problem={problem && t(`problem-${problem.replaceAll(" ", "-")}`)}
        value={text}
        onChange={setText}
        onSubmitEditing={enter}
        autoComplete={of === "server" ? "url" : "nickname"}
        inputMode={of === "server" ? "url" : "text"}
        enterKeyHint="go"
        autoFocus
      />
      <Button kind="primary" label={t(busy ? "busy" : "continue")} onPress={enter} />
    </View>
  );
}

interface CardProps {
  readonly title: string;
  /** The server that is used, undefined before there is one. */
  readonly server?: string;
  readonly children: ReactNode;
}

function Card({ title, server, children }: CardProps) {
  const colours = useColours();
  const { t } = useLocale();
  return (
    <View role="main" style={{ flex: 1, backgroundColor: colours.ground }}>
      <ScrollView contentContainerStyle={styles.page} keyboardShouldPersistTaps="handled">
        <View style={styles.brand}>
          <Mark size={56} />
          <Text heading={1} size="title">
            {t("restante")}
          </Text>
          <Text tone="muted" style={styles.slogan}>
            {t("slogan")}
          </Text>
        </View>
        <View style={[styles.card, { backgroundColor: colours.surface, borderColor: colours.line }]}>
          <Text heading={2} size="lead">
            {title}
          </Text>
          {server !== undefined && <NotEncrypted server={server} />}
          {children}
        </View>
      </ScrollView>
    </View>
  );
}

const styles = StyleSheet.create({
  page: { flexGrow: 1, justifyContent: "center", alignItems: "center", padding: space.l, gap: space.xl },
  brand: { alignItems: "center", gap: space.s, maxWidth: 340 },
  slogan: { textAlign: "center" },
  card: { width: "100%", maxWidth: 400, padding: space.xl, gap: space.l, borderRadius: radius.l, borderWidth: 1 },
  form: { gap: space.l },
  opening: { flex: 1, alignItems: "center", justifyContent: "center" },
});
