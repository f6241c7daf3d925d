import type { Ref } from "react";
import { StyleSheet, TextInput, View, type TextInputKeyPressEvent, type TextInputProps } from "react-native";

import { useLocale } from "../i18n";
import { Text } from "../Text";
import { font, radius, rem, space, useColours } from "../theme";
import { isTouch } from "./touch";

/** How many lines of the text are visible. */
const lines = 8;
/** How many characters are measured. More do not fit into the visible lines. */
const measured = 2_000;

interface Props {
  readonly ref: Ref<TextInput>;
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly onKeyPress: (event: TextInputKeyPressEvent) => void;
  readonly more: Pick<TextInputProps, "selection" | "onSelectionChange">;
  /** The id of the option of a list that the keys choose from; null if there is no list. */
  readonly option: string | null;
}

/** A field that grows with its text. The same text lies invisibly behind it and sets the height. */
export function Field({ ref, text, onChange, onKeyPress, more, option }: Props) {
  const colours = useColours();
  const { t } = useLocale();
  const listed = option === null ? {} : { "aria-activedescendant": option, "aria-autocomplete": "list" };
  return (
    <View style={styles.field}>
      <Text
        aria-hidden
        importantForAccessibility="no-hide-descendants"
        style={[styles.text, styles.measure]}
      >{`${text.slice(0, measured)}\u200b`}</Text>
      <TextInput
        ref={ref}
        testID="composer"
        aria-label={t("message")}
        placeholder={t("message")}
        placeholderTextColor={colours.muted}
        multiline
        value={text}
        onChangeText={onChange}
        onKeyPress={onKeyPress}
        {...more}
        {...listed}
        enterKeyHint={isTouch() ? "enter" : "send"}
        autoComplete="off"
        style={[styles.text, styles.input, { color: colours.text }]}
      />
    </View>
  );
}

const lineHeight = Math.round(font.body * 1.4);
const padding = 10;

const styles = StyleSheet.create({
  field: {
    flex: 1,
    minHeight: rem(lineHeight + 2 * padding),
    maxHeight: rem(lines * lineHeight + 2 * padding),
    overflow: "hidden",
  },
  text: {
    fontSize: rem(font.body),
    lineHeight: rem(lineHeight),
    paddingHorizontal: space.s,
    paddingVertical: rem(padding),
  },
  measure: { opacity: 0 },
  input: {
    position: "absolute",
    top: 0,
    start: 0,
    width: "100%",
    height: "100%",
    borderRadius: radius.s,
    textAlignVertical: "top",
  },
});
