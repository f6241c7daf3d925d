import { Pressable, StyleSheet, View } from "react-native";

import { isOver } from "../Button";
import { Icon } from "../Icon";
import { useLocale } from "../i18n";
import { Text } from "../Text";
import { radius, rem, space, useColours } from "../theme";
import type { Command } from "./commands";

/** A command in the menu of a message. */
export function MenuItem({
  command: { id, icon },
  onPress,
}: {
  readonly command: Command;
  readonly onPress: () => void;
}) {
  const colours = useColours();
  const { t } = useLocale();
  return (
    <Pressable
      role="menuitem"
      testID={id}
      onPress={onPress}
      style={(state) => [styles.item, isOver(state) && { backgroundColor: colours.hover }]}
    >
      <Icon name={icon} colour={colours.muted} size={18} />
      <Text>{t(id)}</Text>
    </Pressable>
  );
}

/** The line above the commands. */
export function MenuTitle({ title }: { readonly title: string }) {
  return (
    <View style={styles.title}>
      <Text size="small" tone="muted" numberOfLines={2}>
        {title}
      </Text>
    </View>
  );
}

const styles = StyleSheet.create({
  item: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.m,
    minHeight: rem(44),
    paddingHorizontal: space.l,
    marginHorizontal: space.xs,
    borderRadius: radius.s,
  },
  title: { paddingHorizontal: space.l + space.xs, paddingVertical: space.s },
});
