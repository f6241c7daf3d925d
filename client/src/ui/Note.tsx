import type { ReactNode } from "react";
import { StyleSheet, View } from "react-native";

import { Mark } from "./Mark";
import { Text } from "./Text";
import { rem, space } from "./theme";

interface Props {
  readonly title: string;
  readonly text?: string | undefined;
  /** What can be done. */
  readonly children?: ReactNode;
}

/** What stands where a room would be. */
export function Note({ title, text, children }: Props) {
  return (
    <View style={styles.note}>
      <Mark size={48} />
      <Text heading={2} size="lead" style={styles.centred}>
        {title}
      </Text>
      {text !== undefined && (
        <Text tone="muted" style={styles.centred}>
          {text}
        </Text>
      )}
      <View style={styles.acts}>{children}</View>
    </View>
  );
}

const styles = StyleSheet.create({
  note: { flex: 1, alignItems: "center", justifyContent: "center", gap: space.m, padding: space.xl },
  centred: { textAlign: "center", maxWidth: rem(420) },
  acts: { flexDirection: "row", flexWrap: "wrap", justifyContent: "center", gap: space.s, marginTop: space.s },
});
