import { useState } from "react";
import { StyleSheet, View } from "react-native";

import type { Problem } from "../core/session";
import { useBusy } from "./busy";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Field } from "./Field";
import { useLocale } from "./i18n";
import { useSession } from "./session";
import { space } from "./theme";

interface FormProps {
  readonly problem?: Problem | undefined;
  readonly onToken: (token: string) => Promise<unknown>;
}

/** Asks for a token, which is hidden unless the user shows it. */
export function TokenForm({ problem, onToken }: FormProps) {
  const { t } = useLocale();
  const [token, setToken] = useState("");
  const [shown, setShown] = useState(false);
  const [busy, enter] = useBusy(() => onToken(token));
  return (
    <View style={styles.form}>
      <Field
        label={t("token")}
        hint={t("token-hint")}
        problem={problem && t(`problem-${problem.replaceAll(" ", "-")}`)}
        value={token}
        onChange={setToken}
        onSubmitEditing={enter}
        secureTextEntry={!shown}
        autoComplete="off"
        enterKeyHint="go"
        autoFocus
      />
      <View style={styles.reveal}>
        <Button small label={t(shown ? "token-hide" : "token-show")} onPress={() => setShown(!shown)} />
      </View>
      <Button kind="primary" label={t(busy ? "busy" : "continue")} onPress={enter} />
    </View>
  );
}

/** Asks for another token when the server no longer accepts the old one. */
export function TokenDialog({ onClose }: { readonly onClose: () => void }) {
  const { t } = useLocale();
  const session = useSession();
  const [problem, setProblem] = useState<Problem>();
  const enter = async (token: string) => {
    const found = await session.enterToken(token);
    if (found === null) onClose();
    else setProblem(found);
  };
  return (
    <Dialog title={t("new-token")} onClose={onClose}>
      <TokenForm problem={problem} onToken={enter} />
    </Dialog>
  );
}

const styles = StyleSheet.create({
  form: { gap: space.m },
  reveal: { flexDirection: "row" },
});
