import type { ReactNode } from "react";
import { Pressable, StyleSheet, View } from "react-native";

import { isOver } from "./Button";
import { Icon } from "./Icon";
import type { IconProps } from "./icons";
import { Text } from "./Text";
import { radius, rem, space, useColours } from "./theme";

/** A part of the settings, with a heading. */
export function Section({ title, children }: { readonly title?: string; readonly children: ReactNode }) {
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

/** A value and its label. */
export type Option = readonly [value: string, label: string];

interface ChoiceProps {
  readonly title: string;
  readonly options: readonly Option[];
  readonly chosen: string;
  readonly onChoose: (value: string) => void;
}

/** A choice of one option out of a few, on the line of its title if there is space. */
export function Choice({ title, options, chosen, onChoose }: ChoiceProps) {
  const colours = useColours();
  return (
    <View style={styles.choice}>
      <Text size="note" style={styles.title}>
        {title}
      </Text>
      <View role="group" aria-label={title} style={[styles.options, { backgroundColor: colours.sunken }]}>
        {options.map(([value, label]) => (
          <Pressable
            key={value}
            role="button"
            aria-pressed={value === chosen}
            accessibilityState={{ selected: value === chosen }}
            onPress={() => onChoose(value)}
            style={(state) => [
              styles.option,
              { borderColor: value === chosen ? colours.line : "transparent" },
              (value === chosen || isOver(state)) && {
                backgroundColor: value === chosen ? colours.surface : colours.hover,
              },
            ]}
          >
            <Text size="note" strong={value === chosen} tone={value === chosen ? "text" : "muted"}>
              {label}
            </Text>
          </Pressable>
        ))}
      </View>
    </View>
  );
}

interface RowProps {
  readonly icon?: IconProps["name"];
  readonly label: string;
  /** What the row does or has done, in small letters. */
  readonly hint?: string | undefined;
  readonly tone?: "text" | "danger";
  readonly onPress: () => void;
}

/** Something to do, as a line of a list and not as a call to action. */
export function ActionRow({ icon, label, hint, tone = "text", onPress }: RowProps) {
  const colours = useColours();
  return (
    <Pressable
      role="button"
      aria-label={label}
      onPress={onPress}
      style={(state) => [styles.row, isOver(state) && { backgroundColor: colours.hover }]}
    >
      {icon !== undefined && <Icon name={icon} colour={tone === "danger" ? colours.danger : colours.muted} size={18} />}
      <View style={styles.words}>
        <Text size="note" tone={tone}>
          {label}
        </Text>
        {hint !== undefined && (
          <Text size="small" tone="muted" role="status">
            {hint}
          </Text>
        )}
      </View>
    </Pressable>
  );
}

const styles = StyleSheet.create({
  section: { gap: space.xs },
  choice: {
    flexDirection: "row",
    flexWrap: "wrap",
    alignItems: "center",
    justifyContent: "space-between",
    gap: space.s,
    minHeight: rem(40),
  },
  title: { flexShrink: 0 },
  options: { flexDirection: "row", flexWrap: "wrap", borderRadius: radius.s, padding: 2, maxWidth: "100%" },
  option: {
    minHeight: rem(30),
    justifyContent: "center",
    paddingHorizontal: space.s + 2,
    borderRadius: radius.s - 2,
    borderWidth: 1,
  },
  row: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.m,
    minHeight: rem(40),
    paddingHorizontal: space.s,
    paddingVertical: space.xs,
    marginHorizontal: -space.s,
    borderRadius: radius.s,
  },
  words: { flex: 1, minWidth: 0 },
});
