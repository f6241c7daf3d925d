import { useEffect, useLayoutEffect, useState } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../../core/chat";
import type { Room } from "../../core/room";
import { useLocale } from "../i18n";
import { reasonText } from "../i18n/reasons";
import { useReadable } from "../readable";
import { Text } from "../Text";
import { space } from "../theme";
import { Beginning } from "./Beginning";
import { Log } from "./Log";
import { useAttention } from "./useAttention";

interface Props {
  readonly chat: Chat;
  readonly room: Room;
  /** The number of the message to open the room at; null for where the reader has been. */
  readonly at: number | null;
  /** Opens a room of this server, at a message if it is given. */
  readonly onVisit: (room: string, seq: number | null) => void;
}

/** A jump to a message that has ended. Each one is another object, so that a second one to the same message counts. */
export interface Jumped {
  readonly seq: number;
}

/** The messages of a room. It is mounted again for each room. */
export function Messages({ chat, room, at, onVisit }: Props) {
  const { t } = useLocale();
  const timeline = useReadable(room.timeline);
  const [jumped, setJumped] = useState<Jumped | null>(null);
  const attentive = useAttention();
  useLayoutEffect(() => room.open(), [room]);
  useLayoutEffect(() => (attentive ? room.attend() : undefined), [room, attentive]);
  useEffect(() => {
    if (at === null) return;
    let wanted = true;
    void room.jump(at).then(() => wanted && setJumped({ seq: at }));
    return () => {
      wanted = false;
    };
  }, [room, at]);

  /** A second press on a link leads to its message again, though the address stays the same. */
  const visit = (name: string, seq: number | null) => {
    if (name === room.name && seq !== null && seq === at) void room.jump(seq).then(() => setJumped({ seq }));
    else onVisit(name, seq);
  };

  if (timeline.refused !== null) return <Note title={t("refused")} text={reasonText(t, timeline.refused)} />;
  if (!timeline.open || !timeline.loaded) return null;
  const arriving = at !== null && jumped === null; // otherwise what is shown until then would count as read
  const { length } = timeline.window?.messages ?? [];
  if (timeline.messages.length + timeline.outgoing.length + length > 0 && !arriving)
    return <Log chat={chat} room={room} timeline={timeline} attentive={attentive} jumped={jumped} onVisit={visit} />;
  const known = timeline.read >= 0; // otherwise the server has not answered yet
  if (known && timeline.last === 0) return <Beginning chat={chat} room={room.name} />;
  return <Note title={t(known && timeline.oldest > timeline.last ? "removed" : "loading")} />;
}

function Note({ title, text }: { readonly title: string; readonly text?: string }) {
  return (
    <View testID="messages" style={styles.note}>
      <Text size="lead" strong style={styles.centred}>
        {title}
      </Text>
      {text !== undefined && (
        <Text tone="muted" style={styles.centred}>
          {text}
        </Text>
      )}
    </View>
  );
}

const styles = StyleSheet.create({
  note: { flex: 1, alignItems: "center", justifyContent: "center", padding: space.xl, gap: space.s },
  centred: { textAlign: "center", maxWidth: 420 },
});
