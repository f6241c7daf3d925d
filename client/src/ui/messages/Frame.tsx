import { useState } from "react";
import { Pressable, StyleSheet, View } from "react-native";

import { useLocale } from "../i18n";
import type { FrameProps } from "./frame";

/** The frame of a message on phones. A tap shows its time, a long press its menu, which screen readers have as an action. */
export function Frame({ testID, onMenu, bar, children }: FrameProps) {
  const { t } = useLocale();
  const [active, setActive] = useState(false);
  return (
    <Pressable
      testID={testID}
      onPress={() => setActive(!active)}
      onLongPress={() => onMenu(null)}
      accessible={false}
      accessibilityActions={[{ name: "menu", label: t("message-menu") }]}
      onAccessibilityAction={() => onMenu(null)}
    >
      {children(active)}
      {active && <View style={styles.bar}>{bar}</View>}
    </Pressable>
  );
}

const styles = StyleSheet.create({ bar: { position: "absolute", top: -14, end: 16 } });
