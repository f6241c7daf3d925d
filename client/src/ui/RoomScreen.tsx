import { memo, useState } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../core/chat";
import type { Room } from "../core/room";
import { Avatar } from "./Avatar";
import { IconButton } from "./Button";
import { Composer, ReadOnly } from "./Composer";
import { useLocale } from "./i18n";
import { laterDialog } from "./later";
import { LinkBar } from "./LinkBar";
import { Messages } from "./messages/Messages";
import { useReadable } from "./readable";
import { Text } from "./Text";
import { rem, space, useColours } from "./theme";
import { WentBack } from "./WentBack";

const RoomMenu = laterDialog(() => import("./dialogs").then((m) => m.RoomMenu));

interface Props {
  readonly chat: Chat;
  readonly room: Room;
  /** The number of the message to show; null for where the reader has been. */
  readonly at: number | null;
  /** Whether the list of rooms is beside it. */
  readonly wide: boolean;
  readonly onBack: () => void;
  /** Opens a room, at a message if it is given. */
  readonly onVisit: (room: string, seq: number | null) => void;
}

/** A room: its head, its messages, and the composer. */
export const RoomScreen = memo(function RoomScreen({ chat, room, at, wide, onBack, onVisit }: Props) {
  const maySend = useReadable(chat.maySend);
  const { refused } = useReadable(room.timeline);
  return (
    <>
      <Head chat={chat} room={room} wide={wide} onBack={onBack} />
      <WentBack key={`${room.name} went back`} room={room} />
      <View style={styles.messages}>
        <Messages key={room.name} chat={chat} room={room} at={at} onVisit={onVisit} />
      </View>
      {refused === null && (maySend ? <Composer key={room.name} room={room} focused={wide} /> : <ReadOnly />)}
    </>
  );
});

function Head({ chat, room, wide, onBack }: Omit<Props, "at" | "onVisit">) {
  const colours = useColours();
  const { t } = useLocale();
  const [open, setOpen] = useState(false);
  const facts = <Facts chat={chat} room={room} />;
  return (
    <View style={[styles.head, wide && styles.wide, { backgroundColor: colours.surface, borderColor: colours.line }]}>
      {!wide && <IconButton icon="back" label={t("back")} onPress={onBack} />}
      {wide && <Avatar name={room.name} size={32} />}
      <View style={styles.name}>
        <Text heading={1} quoted size="body" numberOfLines={1}>
          {room.name}
        </Text>
        {wide ? facts : <LinkBar chat={chat}>{facts}</LinkBar>}
      </View>
      <IconButton icon="more" label={t("room-menu")} opens onPress={() => setOpen(true)} />
      {open && <RoomMenu chat={chat} room={room.name} onBack={onBack} onClose={() => setOpen(false)} />}
    </View>
  );
}

/** What is known of the room, in a line. */
function Facts({ chat, room }: { readonly chat: Chat; readonly room: Room }) {
  const { t } = useLocale();
  const { last, read } = useReadable(room.timeline);
  const summary = useReadable(chat.rooms).find(({ name }) => name === room.name);
  const known = read >= 0 || last > 0;
  const facts = [
    ...(known ? [last === 0 ? t("room-new") : t("find-messages", { count: last })] : []),
    ...(summary?.level === "mentions" ? [t("level-mentions")] : []),
    ...(summary?.level === "nothing" ? [t("row-muted")] : []),
    ...(summary?.watched === false ? [t("row-seldom")] : []),
  ];
  return (
    <Text size="small" tone="muted" numberOfLines={1} testID="room-facts">
      {facts.join(" · ")}
    </Text>
  );
}

const styles = StyleSheet.create({
  messages: { flex: 1, minHeight: 0 },
  head: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.xs,
    minHeight: rem(56),
    paddingHorizontal: space.s,
    paddingVertical: space.xs,
    borderBottomWidth: 1,
  },
  wide: { gap: space.m, paddingStart: space.l },
  name: { flex: 1, minWidth: 0 },
});
