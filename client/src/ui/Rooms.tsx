import { memo, useState } from "react";
import { Pressable, ScrollView, StyleSheet, View } from "react-native";

import type { Chat, Summary } from "../core/chat";
import { Avatar } from "./Avatar";
import { LineBoundary } from "./Boundary";
import { IconButton, isOver } from "./Button";
import { Icon } from "./Icon";
import { useLocale } from "./i18n";
import { Join } from "./Join";
import { LinkBar } from "./LinkBar";
import { shortTime } from "./messages/times";
import { previewOf, type Preview } from "./preview";
import { useReadable } from "./readable";
import { Settings } from "./Settings";
import { Text } from "./Text";
import { radius, space, useColours } from "./theme";
import { useToday } from "./today";

interface Props {
  readonly chat: Chat;
  /** The room that is shown beside the list. */
  readonly current: string | null;
  readonly onShow: (room: string) => void;
}

/** The list of joined rooms, with buttons to join another room and to open the settings. */
export function Rooms({ chat, current, onShow }: Props) {
  const colours = useColours();
  const { t } = useLocale();
  const rooms = useReadable(chat.rooms);
  const [dialog, setDialog] = useState<"join" | "settings" | null>(null);
  const close = () => setDialog(null);
  const join = (room: string) => {
    close();
    chat.join(room);
    onShow(room);
  };
  return (
    <View role="navigation" aria-label={t("rooms")} style={[styles.pane, { backgroundColor: colours.surface }]}>
      <View style={styles.head}>
        <Text heading={1} size="title" style={styles.title}>
          {t("restante")}
        </Text>
        <IconButton icon="plus" label={t("join-title")} opens onPress={() => setDialog("join")} />
        <IconButton icon="settings" label={t("settings")} opens onPress={() => setDialog("settings")} />
      </View>
      <ScrollView contentContainerStyle={styles.list}>
        {rooms.length === 0 && (
          <Text tone="muted" style={styles.empty}>
            {t("rooms-empty")}
          </Text>
        )}
        {rooms.map((room) => (
          <LineBoundary key={room.name} code="room-row" of={room} text={t("broken-room")}>
            <Row room={room} client={chat.client} current={room.name === current} onShow={onShow} />
          </LineBoundary>
        ))}
      </ScrollView>
      <LinkBar chat={chat} />
      {dialog === "join" && <Join chat={chat} onJoin={join} onClose={close} />}
      {dialog === "settings" && <Settings chat={chat} onClose={close} />}
    </View>
  );
}

interface RowProps {
  readonly room: Summary;
  readonly client: string;
  readonly current: boolean;
  readonly onShow: (room: string) => void;
}

const Row = memo(function Row({ room, client, current, onShow }: RowProps) {
  const colours = useColours();
  const { t, formats } = useLocale();
  const today = useToday();
  const preview = previewOf(room, client, t);
  const { author, text } = preview;
  const said = author === "" ? [] : [`${author}: ${text}`];
  const unread = room.unread > 0 ? [t("unread", { count: room.unread })] : [];
  const resting = current ? colours.selected : colours.surface;
  return (
    <Pressable
      role="button"
      testID={`room-${room.name}`}
      aria-label={[room.name, ...unread, ...said].join(", ")}
      aria-current={current ? "page" : undefined}
      onPress={() => onShow(room.name)}
      style={(state) => [styles.row, { backgroundColor: isOver(state) && !current ? colours.hover : resting }]}
    >
      <Avatar name={room.name} />
      <View style={styles.words}>
        <View style={styles.line}>
          <Text strong quoted numberOfLines={1} style={styles.name}>
            {room.name}
          </Text>
          <Text size="small" tone="muted">
            {shortTime(new Date(preview.at), formats, today)}
          </Text>
        </View>
        <View style={styles.line}>
          {preview.waiting && <Icon name="waiting" colour={colours.muted} size={14} />}
          <LastWords preview={preview} />
          {room.unread > 0 && <Badge count={room.unread} />}
        </View>
      </View>
    </Pressable>
  );
});

function LastWords({ preview: { by, author, text } }: { readonly preview: Preview }) {
  const colours = useColours();
  return (
    <View style={styles.last}>
      {by !== "nobody" && (
        <Text
          numberOfLines={1}
          style={[styles.author, { color: by === "draft" ? colours.danger : colours.text }]}
        >{`${author}:`}</Text>
      )}
      <Text tone="muted" quoted numberOfLines={1} style={styles.said}>
        {text}
      </Text>
    </View>
  );
}

function Badge({ count }: { readonly count: number }) {
  const colours = useColours();
  return (
    <View style={[styles.badge, { backgroundColor: colours.accent }]}>
      <Text size="small" strong style={{ color: colours.onAccent }}>
        {count > 999 ? "999+" : count}
      </Text>
    </View>
  );
}

const styles = StyleSheet.create({
  pane: { flex: 1 },
  head: { flexDirection: "row", alignItems: "center", minHeight: 66, paddingStart: space.l, paddingEnd: space.s },
  title: { flex: 1 },
  list: { paddingHorizontal: space.s, paddingBottom: space.s, gap: 2 },
  empty: { padding: space.l, textAlign: "center" },
  row: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.m,
    minHeight: 68,
    paddingHorizontal: space.s,
    paddingVertical: space.s,
    borderRadius: radius.m,
  },
  words: { flex: 1, gap: 2 },
  line: { flexDirection: "row", alignItems: "center", gap: space.s, minHeight: 22 },
  name: { flex: 1 },
  last: { flex: 1, flexDirection: "row", gap: space.xs, minWidth: 0 },
  author: { flexShrink: 0, maxWidth: "45%" },
  said: { flex: 1 },
  badge: {
    minWidth: 22,
    height: 22,
    paddingHorizontal: 7,
    borderRadius: radius.full,
    alignItems: "center",
    justifyContent: "center",
  },
});
