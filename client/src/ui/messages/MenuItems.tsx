import { Pressable, StyleSheet, View } from "react-native";

import { isOver } from "../Button";
import { Icon } from "../Icon";
import { useLocale } from "../i18n";
import { Text } from "../Text";
import { radius, rem, space, useColours } from "../theme";
import type { Command } from "./commands";
import type { MenuProps } from "./menu";

/** What is in the menu of a message: a line with its title, and the commands, which close the menu. */
export function MenuItems({ commands, title, onClose }: Omit<MenuProps, "anchor">) {
  return (
    <>
      <View style={styles.title}>
        <Text size="small" tone="muted" numberOfLines={2}>
          {title}
        </Text>
      </View>
      {commands.map((command) => (
        <MenuItem
          key={command.id}
          command={command}
          onPress={() => {
            onClose();
            command.run();
          }}
        />
      ))}
    </>
  );
}

function MenuItem({ command: { id, icon }, onPress }: { readonly command: Command; readonly onPress: () => void }) {
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
