import { Pressable, StyleSheet, View } from "react-native";

import { isOver } from "../Button";
import { Icon } from "../Icon";
import type { IconProps } from "../icons";
import { useLocale } from "../i18n";
import { formatNumber } from "../i18n/formats";
import { Text } from "../Text";
import { radius, space, useColours } from "../theme";

interface PillProps {
  readonly label: string;
  readonly icon?: IconProps["name"];
  readonly testID?: string;
  /** Without it the pill is only a label. */
  readonly onPress?: () => void;
}

/** A label or a button over the messages. */
export function Pill({ label, icon, testID, onPress }: PillProps) {
  const colours = useColours();
  const styleOf = (over: boolean) => [
    styles.pill,
    styles.raised,
    { backgroundColor: over ? colours.hover : colours.surface, borderColor: colours.line },
  ];
  const content = (
    <>
      {icon !== undefined && <Icon name={icon} colour={colours.accent} size={16} />}
      <Text size="small" strong style={{ color: onPress === undefined ? colours.muted : colours.accent }}>
        {label}
      </Text>
    </>
  );
  if (onPress === undefined)
    return (
      <View role="status" style={styleOf(false)}>
        {content}
      </View>
    );
  return (
    <Pressable
      role="button"
      testID={testID}
      onPress={onPress}
      hitSlop={space.s}
      style={(state) => styleOf(isOver(state))}
    >
      {content}
    </Pressable>
  );
}

/** The button that scrolls to the newest message, with the number of new messages. */
export function Jump({ count, onPress }: { readonly count: number; readonly onPress: () => void }) {
  const colours = useColours();
  const { t, formats } = useLocale();
  return (
    <Pressable
      role="button"
      testID="jump"
      aria-label={count > 0 ? t("jump-count", { count }) : t("jump")}
      onPress={onPress}
      style={(state) => [
        styles.jump,
        styles.raised,
        { backgroundColor: isOver(state) ? colours.hover : colours.surface, borderColor: colours.line },
      ]}
    >
      <Icon name="down" colour={colours.muted} />
      {count > 0 && (
        <View aria-hidden style={[styles.badge, { backgroundColor: colours.accent }]}>
          <Text size="small" strong style={[styles.count, { color: colours.onAccent }]}>
            {formatNumber(count, formats)}
          </Text>
        </View>
      )}
    </Pressable>
  );
}

const styles = StyleSheet.create({
  raised: { borderWidth: 1, borderRadius: radius.full, boxShadow: "0 2px 8px #00000029" },
  pill: { flexDirection: "row", alignItems: "center", gap: space.xs, minHeight: 34, paddingHorizontal: space.m },
  jump: { width: 44, height: 44, alignItems: "center", justifyContent: "center" },
  badge: {
    position: "absolute",
    top: -8,
    minWidth: 22,
    height: 20,
    borderRadius: radius.full,
    paddingHorizontal: 6,
    alignItems: "center",
    justifyContent: "center",
  },
  count: { fontSize: 11, lineHeight: 14 },
});
