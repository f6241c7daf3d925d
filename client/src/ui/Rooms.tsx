import { useCallback } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat, Summary } from "../core/chat";
import { LineBoundary } from "./Boundary";
import { IconButton } from "./Button";
import { useLocale } from "./i18n";
import { usePreferences } from "./preferences";
import { useReadable } from "./readable";
import { Discover } from "./rooms/Discover";
import type { CalmRooms } from "./rooms/order";
import { Person } from "./rooms/Person";
import { RoomList } from "./rooms/RoomList";
import { RoomRow, rowHeights } from "./rooms/RoomRow";
import { Text } from "./Text";
import { rem, space, useColours } from "./theme";

interface Props {
  readonly chat: Chat;
  readonly list: CalmRooms;
  /** The room that is shown beside the list. */
  readonly current: string | null;
  readonly onShow: (room: string) => void;
  readonly onFind: () => void;
  readonly onSettings: () => void;
}

/** The list of joined rooms, with who uses the app, and the ways to other rooms and to the settings. */
export function Rooms({ chat, list, current, onShow, onFind, onSettings }: Props) {
  const colours = useColours();
  const { t } = useLocale();
  const { density } = useReadable(usePreferences().choices);
  const render = useCallback(
    (room: Summary) => (
      <LineBoundary code="room-row" of={room} text={t("broken-room")}>
        <RoomRow room={room} client={chat.client} current={room.name === current} density={density} onShow={onShow} />
      </LineBoundary>
    ),
    [chat, current, density, onShow, t],
  );
  return (
    <View role="navigation" aria-label={t("rooms")} style={[styles.pane, { backgroundColor: colours.surface }]}>
      <View style={styles.head}>
        <Text heading={1} size="lead" style={styles.title}>
          {t("rooms")}
        </Text>
        <IconButton icon="search" label={t("find")} opens onPress={onFind} />
      </View>
      <RoomList
        rooms={list.rooms}
        calm={list.calm}
        current={current}
        rowHeight={rowHeights[density]}
        render={render}
        end={<Discover chat={chat} rooms={list.rooms} onShow={onShow} onFind={onFind} />}
      />
      <Person chat={chat} onSettings={onSettings} />
    </View>
  );
}

const styles = StyleSheet.create({
  pane: { flex: 1, minHeight: 0 },
  head: {
    flexDirection: "row",
    alignItems: "center",
    minHeight: rem(56),
    paddingStart: space.l,
    paddingEnd: space.s,
  },
  title: { flex: 1 },
});
