import { useState, type ComponentType } from "react";
import { StyleSheet, View } from "react-native";

import { IconButton } from "../Button";
import { useLocale } from "../i18n";
import { space } from "../theme";
import type { PickerProps } from "./Picker";

interface Props {
  readonly onPick: (emoji: string) => void;
  /** Called when the picker has closed. */
  readonly onClosed: () => void;
  /** Called if the picker cannot be loaded, such as while the page is offline. */
  readonly onFailed: () => void;
}

/**
 * The button that opens the picker of emoji over the composer. The picker is a file of its own, which a page loads when the button is
 * pressed.
 */
export function EmojiButton({ onPick, onClosed, onFailed }: Props) {
  const { t } = useLocale();
  const [open, setOpen] = useState(false);
  const [picker, setPicker] = useState<{ readonly View: ComponentType<PickerProps> } | null>(null);
  const press = () => {
    setOpen(!open);
    if (picker !== null || open) return;
    import("./Picker").then(
      ({ Picker }) => setPicker({ View: Picker }),
      () => {
        setOpen(false);
        onFailed();
      },
    );
  };
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
      <IconButton icon="smile" label={t("emoji")} testID="emoji" opens onPress={press} />
      {open && picker !== null && (
        <View style={styles.over}>
          <picker.View onPick={pick} onClose={close} />
        </View>
      )}
    </>
  );
}

const styles = StyleSheet.create({
  over: { position: "absolute", bottom: "100%", end: 0, paddingBottom: space.s, maxWidth: "100%" },
});
