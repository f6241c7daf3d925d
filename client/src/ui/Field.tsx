import { useId } from "react";
import { StyleSheet, TextInput, View, type TextInputProps } from "react-native";

import { Text } from "./Text";
import { font, radius, rem, space, useColours } from "./theme";

interface Props extends Pick<
  TextInputProps,
  | "autoFocus"
  | "onSubmitEditing"
  | "autoComplete"
  | "secureTextEntry"
  | "inputMode"
  | "enterKeyHint"
  | "placeholder"
  | "maxLength"
  | "onKeyPress"
> {
  readonly label: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly hint?: string | undefined;
  /** Why the value is not valid, as a text. */
  readonly problem?: string | undefined;
  /** Set for a field with a list to choose from: the ids of the list and of the chosen option; null while the list is empty. */
  readonly chooses?: { readonly list: string; readonly option: string } | null;
}

/** A text field with a label, a hint, and a problem. */
export function Field({ label, value, onChange, hint, problem, chooses, ...rest }: Props) {
  const colours = useColours();
  const id = useId();
  const line = problem === undefined ? colours.muted : colours.danger;
  return (
    <View style={styles.field}>
      <Text strong size="small" aria-hidden>
        {label}
      </Text>
      <TextInput
        {...rest}
        {...(chooses !== undefined && combobox(chooses))}
        aria-label={label}
        aria-describedby={id}
        aria-invalid={problem !== undefined}
        value={value}
        onChangeText={onChange}
        autoCapitalize="none"
        autoCorrect={false}
        spellCheck={false}
        submitBehavior="submit"
        placeholderTextColor={colours.muted}
        style={[styles.input, { color: colours.text, backgroundColor: colours.sunken, borderColor: line }]}
      />
      <View id={id} style={styles.notes}>
        {hint !== undefined && (
          <Text size="small" tone="muted">
            {hint}
          </Text>
        )}
        {problem !== undefined && (
          <Text size="small" role="alert" tone="danger">
            {problem}
          </Text>
        )}
      </View>
    </View>
  );
}

/** What tells screen readers that a list belongs to the field. */
function combobox(chooses: NonNullable<Props["chooses"]> | null): object {
  return {
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-expanded": chooses !== null,
    ...(chooses !== null && { "aria-controls": chooses.list, "aria-activedescendant": chooses.option }),
  };
}

const styles = StyleSheet.create({
  field: { gap: space.xs },
  notes: { gap: space.xs },
  input: {
    minHeight: rem(46),
    paddingHorizontal: space.m,
    borderRadius: radius.m,
    borderWidth: 1,
    fontSize: rem(font.body),
  },
});
