import { useContext, useState } from "react";
import { StyleSheet, View } from "react-native";

import { Button } from "./Button";
import { copyText } from "./clipboard";
import { useLocale } from "./i18n";
import { Mark } from "./Mark";
import { SessionContext } from "./session";
import { Text } from "./Text";
import { space, useColours } from "./theme";

interface Props {
  readonly title: string;
  /** Says more. Without it, the screen says that something has failed. */
  readonly text?: string;
  readonly onAgain: () => void;
  /** Opens the app without what is kept on the device. Null until trying again has failed, too. */
  readonly onWithout: (() => void) | null;
}

/** Shown instead of a screen that cannot be drawn. */
export function Failed({ title, text, onAgain, onWithout }: Props) {
  const colours = useColours();
  const { t } = useLocale();
  return (
    <View role="main" testID="failed" style={[styles.page, { backgroundColor: colours.ground }]}>
      <Mark size={56} />
      <Text heading={1} size="lead" style={styles.centred}>
        {title}
      </Text>
      <Text role="alert" tone="muted" style={styles.centred}>
        {text ?? t("failed-text")}
      </Text>
      <View style={styles.buttons}>
        <Button kind="primary" label={t("try-again")} onPress={onAgain} />
        <CopyEvents />
        {onWithout !== null && <Button label={t("open-without")} onPress={onWithout} />}
      </View>
      {onWithout !== null && (
        <Text size="small" tone="muted" style={styles.centred}>
          {t("open-without-hint")}
        </Text>
      )}
    </View>
  );
}

/** A button that copies the last events of the app, for a report of a fault. */
export function CopyEvents() {
  const { t } = useLocale();
  const session = useContext(SessionContext);
  const [label, setLabel] = useState("copy-events");
  const copy = () =>
    void copyText(session?.events.text() ?? "").then((copied) => setLabel(copied ? "copied" : "not-copied"));
  return <Button label={t(label)} onPress={copy} />;
}

const styles = StyleSheet.create({
  page: { flex: 1, alignItems: "center", justifyContent: "center", gap: space.l, padding: space.xl },
  buttons: { flexDirection: "row", flexWrap: "wrap", justifyContent: "center", gap: space.s },
  centred: { textAlign: "center", maxWidth: 420 },
});
