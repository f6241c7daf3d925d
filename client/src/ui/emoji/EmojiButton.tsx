import { lazy, Suspense, useState } from "react";
import { StyleSheet, View } from "react-native";

import { IconButton } from "../Button";
import { useLocale } from "../i18n";
import { space } from "../theme";

/** The picker is a file of its own, which a page loads when the button is pressed. */
const Picker = lazy(() => import("./Picker"));

interface Props {
  readonly onPick: (emoji: string) => void;
  /** Called when the picker has closed. */
  readonly onClosed: () => void;
}

/** The button that opens the picker of emoji over the composer. */
export function EmojiButton({ onPick, onClosed }: Props) {
  const { t } = useLocale();
  const [open, setOpen] = useState(false);
  const close = () => {
    setOpen(false);
    onClosed();
  };
  const pick = (emoji: string) => {
    close();
    onPick(emoji);
  };
  return (
    <>
      <IconButton icon="smile" label={t("emoji")} testID="emoji" opens onPress={() => setOpen(!open)} />
      {open && (
        <View style={styles.over}>
          <Suspense>
            <Picker onPick={pick} onClose={close} />
          </Suspense>
        </View>
      )}
    </>
  );
}

const styles = StyleSheet.create({
  over: { position: "absolute", bottom: "100%", end: 0, paddingBottom: space.s, maxWidth: "100%" },
});
