import { useLayoutEffect } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../../core/chat";
import type { Room } from "../../core/room";
import { useLocale } from "../i18n";
import { useReadable } from "../readable";
import { Text } from "../Text";
import { space } from "../theme";
import { Beginning } from "./Beginning";
import { Log } from "./Log";

interface Props {
  readonly chat: Chat;
  readonly room: Room;
  /** Opens a room of this server, at a message if it is given. */
  readonly onVisit: (room: string, seq: number | null) => void;
}

/** The messages of a room. It is mounted again for each room. */
export function Messages({ chat, room, onVisit }: Props) {
  const { t } = useLocale();
  const timeline = useReadable(room.timeline);
  useLayoutEffect(() => room.open(), [room]);
  const attentive = useAttention();
  useLayoutEffect(() => (attentive ? room.attend() : undefined), [room, attentive]);

  if (timeline.refused !== null) return <Note title={t("refused")} text={timeline.refused} />;
  if (!timeline.open || !timeline.loaded) return null;
  if (timeline.messages.length + timeline.outgoing.length > 0)
    return <Log chat={chat} room={room} timeline={timeline} onVisit={onVisit} />;
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
