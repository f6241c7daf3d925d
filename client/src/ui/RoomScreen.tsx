import { useState } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../core/chat";
import type { Room } from "../core/room";
import { Avatar } from "./Avatar";
import { Button, IconButton } from "./Button";
import { Composer, ReadOnly } from "./Composer";
import { Dialog } from "./Dialog";
import { useLocale } from "./i18n";
import { LinkBar } from "./LinkBar";
import { Messages } from "./messages/Messages";
import { useReadable } from "./readable";
import { Text } from "./Text";
import { space, useColours } from "./theme";
import { WentBack } from "./WentBack";

interface Props {
  readonly chat: Chat;
  readonly room: Room;
  /** Whether the list of rooms is beside it. */
  readonly wide: boolean;
  /** The number of the message to show; null for where the reader has been. */
  readonly at: number | null;
  readonly onBack: () => void;
  /** Opens a room, at a message if it is given. */
  readonly onVisit: (room: string, seq: number | null) => void;
}

/** A room: its head, its messages, and the composer. */
export function RoomScreen({ chat, room, wide, at, onBack, onVisit }: Props) {
  const maySend = useReadable(chat.maySend);
  const { refused } = useReadable(room.timeline);
  return (
    <>
      <Head chat={chat} name={room.name} wide={wide} onBack={onBack} />
      <WentBack key={`${room.name} went back`} room={room} />
      <View style={styles.messages}>
        <Messages key={room.name} chat={chat} room={room} at={at} onVisit={onVisit} />
      </View>
      {refused === null && (maySend ? <Composer key={room.name} room={room} focused={wide} /> : <ReadOnly />)}
    </>
  );
}

interface HeadProps {
  readonly chat: Chat;
  readonly name: string;
  readonly wide: boolean;
  readonly onBack: () => void;
}

function Head({ chat, name, wide, onBack }: HeadProps) {
  const colours = useColours();
  const { t } = useLocale();
  const [leaving, setLeaving] = useState(false);
  const leave = () => {
    onBack();
    chat.leave(name);
  };
  return (
    <View style={[styles.head, wide && styles.wide, { backgroundColor: colours.surface, borderColor: colours.line }]}>
      {!wide && <IconButton icon="back" label={t("back")} onPress={onBack} />}
      {wide && <Avatar name={name} size={36} />}
      <View style={styles.name}>
        <Text heading={1} quoted size="lead" numberOfLines={1}>
          {name}
        </Text>
        {!wide && <LinkBar chat={chat} line />}
      </View>
      <IconButton icon="leave" label={t("leave")} opens onPress={() => setLeaving(true)} />
      {leaving && (
        <Dialog title={t("leave")} onClose={() => setLeaving(false)}>
          <Text>{t("leave-text", { room: name })}</Text>
          <View style={styles.answers}>
            <Button label={t("cancel")} onPress={() => setLeaving(false)} />
            <Button kind="danger" label={t("leave")} onPress={leave} />
          </View>
        </Dialog>
      )}
    </View>
  );
}

const styles = StyleSheet.create({
  messages: { flex: 1, minHeight: 0 },
  head: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.xs,
    minHeight: 66,
    paddingHorizontal: space.s,
    paddingVertical: space.xs,
    borderBottomWidth: 1,
  },
  wide: { gap: space.m, paddingStart: space.l },
  name: { flex: 1, minWidth: 0 },
  answers: { flexDirection: "row", flexWrap: "wrap", justifyContent: "flex-end", gap: space.s },
});
