import { useEffect } from "react";
import { FlatList, StyleSheet } from "react-native";

import { space } from "../theme";
import type { RoomListProps } from "./list";

/** The list of rooms on phones. */
export function RoomList({ rooms, calm, render, end }: RoomListProps) {
  useEffect(
    () => () => {
      for (const why of ["touch", "scroll"] as const) calm.release(why);
    },
    [calm],
  );
  return (
    <FlatList
      data={rooms}
      keyExtractor={(room) => room.name}
      renderItem={({ item }) => render(item)}
      ListFooterComponent={end}
      initialNumToRender={20}
      keyboardShouldPersistTaps="handled"
      contentContainerStyle={styles.content}
      onTouchStart={() => calm.hold("touch")}
      onTouchEnd={() => calm.release("touch")}
      onTouchCancel={() => calm.release("touch")}
      onMomentumScrollBegin={() => calm.hold("scroll")}
      onMomentumScrollEnd={() => calm.release("scroll")}
    />
  );
}

const styles = StyleSheet.create({ content: { paddingHorizontal: space.s, paddingBottom: space.s } });
