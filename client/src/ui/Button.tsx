import { Pressable, StyleSheet, View, type PressableProps } from "react-native";

import { Icon } from "./Icon";
import type { IconProps } from "./icons";
import { Text } from "./Text";
import { radius, rem, space, useColours, type Colours } from "./theme";
import { onWeb } from "./web";

interface Props {
  readonly label: string;
  readonly onPress: () => void;
  readonly kind?: "primary" | "plain" | "danger";
  readonly disabled?: boolean;
  /** Whether the button is the selected one of a group. */
  readonly chosen?: boolean;
  /** Whether it opens a dialog. */
  readonly opens?: boolean;
  readonly small?: boolean;
  readonly testID?: string;
}

/** A button with a text. */
export function Button({ label, kind = "plain", small = false, ...rest }: Props) {
  const colours = useColours();
  const { ground, over, text, line } = palettes(colours)[rest.chosen === true ? "chosen" : kind];
  return (
    <Pressable
      {...behaviour(rest)}
      hitSlop={small ? space.s : 0}
      style={(state) => [
        styles.button,
        small && styles.small,
        { backgroundColor: isOver(state) ? over : ground, borderColor: line },
        rest.disabled === true && styles.disabled,
      ]}
    >
      <Text strong size={small ? "small" : "body"} style={{ color: text, textAlign: "center" }}>
        {label}
      </Text>
    </Pressable>
  );
}

interface IconButtonProps extends Omit<Props, "kind" | "small"> {
  readonly icon: IconProps["name"];
  readonly filled?: boolean;
}

/** A button with a glyph. Screen readers read its label, and a pointer that rests on it or the focus shows it. */
export function IconButton({ icon, label, filled = false, ...rest }: IconButtonProps) {
  const colours = useColours();
  const resting = filled ? colours.accent : "transparent";
  const colour = filled ? colours.onAccent : colours.muted;
  return (
    <Pressable {...behaviour(rest)} {...onWeb({ dataSet: { tip: label } })} aria-label={label} style={styles.icon}>
      {(state) => (
        <View
          style={[
            styles.round,
            { backgroundColor: isOver(state) && !filled ? colours.hover : resting },
            rest.disabled === true && styles.disabled,
          ]}
        >
          <Icon name={icon} colour={colour} />
        </View>
      )}
    </Pressable>
  );
}

/** Whether a button is pressed or hovered. */
export function isOver(state: { readonly pressed: boolean }): boolean {
  return state.pressed || ("hovered" in state && state.hovered === true);
}

function behaviour({ onPress, disabled = false, chosen, opens = false, testID }: Omit<Props, "label">): PressableProps {
  return {
    role: "button",
    onPress,
    disabled,
    testID,
    ...(chosen === undefined ? {} : { "aria-pressed": chosen, accessibilityState: { selected: chosen } }),
    ...(opens ? { "aria-haspopup": "dialog" } : {}),
  };
}

function palettes(c: Colours) {
  return {
    primary: { ground: c.accent, over: c.accent, text: c.onAccent, line: c.accent },
    plain: { ground: "transparent", over: c.hover, text: c.accent, line: c.line },
    danger: { ground: "transparent", over: c.hover, text: c.danger, line: c.line },
    chosen: { ground: c.selected, over: c.selected, text: c.text, line: c.accent },
  };
}

const styles = StyleSheet.create({
  button: {
    minHeight: rem(44),
    paddingHorizontal: space.l,
    paddingVertical: space.s,
    borderRadius: radius.m,
    borderWidth: 1,
    justifyContent: "center",
  },
  small: { minHeight: rem(28), paddingHorizontal: space.m, paddingVertical: 3, borderRadius: radius.full },
  icon: { width: rem(44), height: rem(44), alignItems: "center", justifyContent: "center", borderRadius: radius.full },
  round: { width: rem(36), height: rem(36), borderRadius: radius.full, alignItems: "center", justifyContent: "center" },
  disabled: { opacity: 0.45 },
});
