import { memo } from "react";
import { Pressable, StyleSheet, View } from "react-native";

import type { Summary } from "../../core/chat";
import { Avatar } from "../Avatar";
import { isOver } from "../Button";
import { Icon } from "../Icon";
import { useLocale } from "../i18n";
import { formatNumber, type Formats } from "../i18n/formats";
import type { Density } from "../preferences";
import { shortTime } from "../messages/times";
import { previewOf, type Preview } from "../preview";
import { Text } from "../Text";
import { radius, rem, space, useColours } from "../theme";
import { useToday } from "../today";
import { filled, onWeb, pressLink } from "../web";
import { fragmentOf } from "../where";

/** The heights of a row at the usual text size. */
export const rowHeights: Record<Density, number> = { comfortable: 52, compact: 36 };

interface Props {
  readonly room: Summary;
  readonly client: string;
  readonly current: boolean;
  readonly density: Density;
  readonly onShow: (room: string) => void;
}

/** A room in the list: a link, so that it can be opened in another tab. Unread rooms are strong; a compact row has no preview. */
export const RoomRow = memo(function RoomRow({ room, client, current, density, onShow }: Props) {
  const colours = useColours();
  const { t, formats } = useLocale();
  const today = useToday();
  const preview = previewOf(current ? { ...room, draft: "" } : room, client, t); // the draft of the visible room is in its composer
  const compact = density === "compact";
  const resting = current ? colours.selected : "transparent";
  return (
    <Pressable
      role="link"
      testID={`room-${room.name}`}
      {...onWeb({ href: fragmentOf(room.name), dataSet: { room: room.name } })}
      aria-label={labelOf(room, preview, t)}
      aria-current={current ? "page" : undefined}
      onPress={(event) => pressLink(event, () => onShow(room.name))}
      style={(state) => [
        styles.row,
        { minHeight: rem(rowHeights[density]), backgroundColor: isOver(state) && !current ? colours.hover : resting },
      ]}
    >
      <Avatar name={room.name} size={compact ? 24 : 36} />
      <View style={styles.words}>
        <View style={styles.line}>
          <Name room={room} />
          {!room.watched && <Icon name="seldom" colour={colours.muted} size={14} />}
          {room.level === "nothing" && <Icon name="muted" colour={colours.muted} size={14} />}
          {compact ? (
            <Marks room={room} preview={preview} />
          ) : (
            <Text size="small" tone="muted">
              {shortTime(new Date(preview.at), formats, today)}
            </Text>
          )}
        </View>
        {!compact && (preview.text !== "" || room.unread > 0) && (
          <View style={styles.line}>
            <LastWords preview={preview} strong={isLoud(room)} />
            <Marks room={room} preview={preview} />
          </View>
        )}
      </View>
    </Pressable>
  );
});

/** Whether a room's unread messages ask to be seen, by the level that the user has chosen. */
function isLoud(room: Summary): boolean {
  return room.mentions > 0 || (room.unread > 0 && room.level === "all");
}

function labelOf(room: Summary, { author, text }: Preview, t: ReturnType<typeof useLocale>["t"]): string {
  return [
    room.name,
    ...(room.mentions > 0 ? [t("mentions", { count: room.mentions })] : []),
    ...(room.unread > 0 ? [t("unread", { count: room.unread })] : []),
    ...(author === "" ? [] : [`${author}: ${text}`]),
    ...(room.level === "nothing" ? [t("row-muted")] : []),
    ...(room.watched ? [] : [t("row-seldom")]),
  ].join(", ");
}

function Name({ room }: { readonly room: Summary }) {
  const loud = isLoud(room);
  return (
    <Text
      quoted
      strong={loud}
      tone={room.level === "nothing" && !loud ? "muted" : "text"}
      numberOfLines={1}
      style={styles.name}
    >
      {room.name}
    </Text>
  );
}

function LastWords({ preview: { by, author, text }, strong }: { readonly preview: Preview; readonly strong: boolean }) {
  const colours = useColours();
  return (
    <Text size="note" tone={strong ? "text" : "muted"} quoted numberOfLines={1} style={styles.said}>
      {by === "draft" && <Text size="note" style={{ color: colours.danger }}>{`${author}: `}</Text>}
      {(by === "you" || by === "other") && `${author}: `}
      {text}
    </Text>
  );
}

/** The signs at the end of a row: a waiting message, mentions, and the number of unread messages. */
function Marks({ room, preview }: { readonly room: Summary; readonly preview: Preview }) {
  const colours = useColours();
  const { formats } = useLocale();
  const quiet = room.level !== "all";
  return (
    <>
      {preview.waiting && <Icon name="waiting" colour={colours.muted} size={14} />}
      {room.mentions > 0 && (
        <Badge
          text={room.mentions > 1 ? `@ ${short(room.mentions, formats)}` : "@"}
          ground={colours.accent}
          ink={colours.onAccent}
        />
      )}
      {room.unread > 0 && (
        <Badge
          text={short(room.unread, formats)}
          ground={quiet ? "transparent" : colours.count}
          ink={quiet ? colours.muted : colours.surface}
        />
      )}
    </>
  );
}

function Badge({ text, ground, ink }: { readonly text: string; readonly ground: string; readonly ink: string }) {
  return (
    <View {...filled} style={[styles.badge, { backgroundColor: ground }]}>
      <Text size="small" strong style={{ color: ink, lineHeight: rem(16) }}>
        {text}
      </Text>
    </View>
  );
}

function short(count: number, formats: Formats): string {
  return count > 999 ? `${formatNumber(999, formats)}+` : formatNumber(count, formats);
}

const styles = StyleSheet.create({
  row: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.s + 2,
    paddingHorizontal: space.s,
    paddingVertical: 3,
    borderRadius: radius.s,
  },
  words: { flex: 1, minWidth: 0 },
  line: { flexDirection: "row", alignItems: "center", gap: space.xs + 2, minHeight: rem(20) },
  name: { flex: 1 },
  said: { flex: 1 },
  badge: {
    minWidth: rem(18),
    height: rem(18),
    paddingHorizontal: 5,
    borderRadius: radius.full,
    alignItems: "center",
    justifyContent: "center",
  },
});
