import { Pressable, StyleSheet, View } from "react-native";

import { useLocale } from "../i18n";
import { Text } from "../Text";
import { radius, space, useColours } from "../theme";
import type { Completion } from "./useCompletion";

/** Returns the id of an offer, which the field names while the keys choose it. */
export function offerID(index: number): string {
  return `offer-${index}`;
}

/** The emoji that are offered while a short name is written, over the field. */
export function Offers({ offers, chosen, take }: Completion) {
  const colours = useColours();
  const { t } = useLocale();
  if (offers.length === 0) return null;
  return (
    <View
      role={"listbox" as "list"}
      testID="offers"
      aria-label={t("emoji-offers")}
      style={[styles.list, { backgroundColor: colours.surface, borderColor: colours.line }]}
    >
      {offers.map((emoji, i) => (
        <Pressable
          key={emoji.text}
          id={offerID(i)}
          role="option"
          aria-selected={i === chosen}
          tabIndex={-1}
          onPress={() => take(emoji)}
          style={[styles.offer, i === chosen && { backgroundColor: colours.selected }]}
        >
          <Text>{emoji.text}</Text>
          <Text size="small" tone="muted" numberOfLines={1}>{`:${emoji.names[0] ?? ""}:`}</Text>
        </Pressable>
      ))}
    </View>
  );
}

const styles = StyleSheet.create({
  list: {
    position: "absolute",
    bottom: "100%",
    start: space.m,
    minWidth: 220,
    maxWidth: "90%",
    borderWidth: 1,
    borderRadius: radius.m,
    padding: space.xs,
    marginBottom: space.xs,
    boxShadow: "0 6px 24px #0000003d",
  },
  offer: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.s,
    paddingHorizontal: space.s,
    paddingVertical: space.xs,
    borderRadius: radius.s,
  },
});
