import { Pressable, StyleSheet, View, type TextStyle } from "react-native";

import { isOver } from "../Button";
import { useLocale } from "../i18n";
import { Text } from "../Text";
import { mono, radius, rem, space, useColours } from "../theme";
import { onWeb } from "../web";
import type { Format } from "./edit";

interface Style {
  readonly format: Format;
  readonly sign: string;
  readonly keys: string;
  readonly look: TextStyle;
}

const formats: readonly Style[] = [
  { format: "bold", sign: "B", keys: "Ctrl+B", look: { fontWeight: "700" } },
  { format: "italic", sign: "I", keys: "Ctrl+I", look: { fontStyle: "italic" } },
  { format: "strike", sign: "S", keys: "Ctrl+Shift+X", look: { textDecorationLine: "line-through" } },
  { format: "code", sign: "</>", keys: "Ctrl+E", look: { fontFamily: mono } },
  { format: "list", sign: "•–", keys: "", look: {} },
  { format: "quote", sign: "“”", keys: "", look: {} },
];

/** The buttons that format what is selected. Each says its key, and its sign shows what it does. */
export function Formatting({ onFormat }: { readonly onFormat: (format: Format) => void }) {
  const colours = useColours();
  const { t } = useLocale();
  return (
    <View role="toolbar" aria-label={t("formatting")} style={styles.bar}>
      {formats.map(({ format, sign, keys, look }) => (
        <Pressable
          key={format}
          role="button"
          testID={`format-${format}`}
          aria-label={t(`format-${format}`)}
          {...onWeb({ dataSet: { tip: keys === "" ? t(`format-${format}`) : `${t(`format-${format}`)} (${keys})` } })}
          onPress={() => onFormat(format)}
          style={(state) => [styles.button, isOver(state) && { backgroundColor: colours.hover }]}
        >
          <Text size="small" tone="muted" style={look}>
            {sign}
          </Text>
        </Pressable>
      ))}
    </View>
  );
}

const styles = StyleSheet.create({
  bar: { flexDirection: "row", gap: 2 },
  button: {
    minWidth: rem(34),
    height: rem(30),
    paddingHorizontal: space.xs,
    alignItems: "center",
    justifyContent: "center",
    borderRadius: radius.s,
  },
});
