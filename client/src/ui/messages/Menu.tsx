import { Modal, Pressable, StyleSheet, View } from "react-native";

import { useColours } from "../theme";
import type { MenuProps } from "./menu";
import { MenuItems } from "./MenuItems";

/** The menu of a message on phones: a sheet at the bottom. Back or a tap beside it closes it. */
export function Menu({ commands, title, onClose }: MenuProps) {
  const colours = useColours();
  return (
    <Modal transparent animationType="fade" onRequestClose={onClose}>
      <View style={[styles.scrim, { backgroundColor: colours.scrim }]}>
        <Pressable
          style={StyleSheet.absoluteFill}
          onPress={onClose}
          accessible={false}
          importantForAccessibility="no"
        />
        <View
          role="menu"
          accessibilityViewIsModal
          style={[styles.sheet, { backgroundColor: colours.surface, borderColor: colours.line }]}
        >
          <MenuItems commands={commands} title={title} onClose={onClose} />
        </View>
      </View>
    </Modal>
  );
}

const styles = StyleSheet.create({
  scrim: { flex: 1, justifyContent: "flex-end" },
  sheet: { borderTopStartRadius: 18, borderTopEndRadius: 18, borderWidth: 1, paddingVertical: 8, paddingBottom: 32 },
});
