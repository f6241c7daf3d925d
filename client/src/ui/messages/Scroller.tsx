import { useEffect, useMemo, type RefObject } from "react";
import { StyleSheet, View } from "react-native";

import type { Room } from "../../core/room";
import type { Timeline } from "../../core/timeline";
import { MessageBoundary } from "../Boundary";
import { useLasting } from "../busy";
import { useLocale } from "../i18n";
import { newestAsked } from "../newest";
import { column, rem, space } from "../theme";
import { Jump, Pill } from "./Floating";
import { List } from "./List";
import type { ListHandle } from "./list";
import { MessageView } from "./Message";
import type { Jumped } from "./Messages";
import { rowsOf, type Row } from "./rows";
import { Day, DayPill, Removed, Unread } from "./Separator";
import { useReader, type Reader } from "./useReader";
import type { View as Shown } from "./view";

interface Props {
  readonly list: RefObject<ListHandle | null>;
  readonly room: Room;
  readonly client: string;
  readonly timeline: Timeline;
  readonly view: Shown;
  readonly jumped: Jumped | null;
  readonly attentive: boolean;
  /** Leads to the newest messages. */
  readonly onNewest: () => void;
}

/** The rows, and the buttons to move in them. It is mounted again when other messages are shown. */
export function Scroller({ list, room, client, timeline, view, jumped, attentive, onNewest }: Props) {
  const { t, formats } = useLocale();
  const { zone } = formats;
  const { older, newer, newest } = view;
  const rows = useMemo(() => rowsOf(view, client, zone), [view, client, zone]);
  const reader = useReader({ room, timeline, rows, list, target: jumped?.seq ?? null, attentive });
  useEffect(() => {
    const key =
      jumped === null ? undefined : rows.find((row) => row.is === "message" && row.message.seq === jumped.seq)?.key;
    if (key !== undefined) list.current?.toKey(key, "middle");
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only when a jump has ended
  }, [jumped]);
  useEffect(() => newestAsked.subscribe(onNewest));
  return (
    <>
      <List
        ref={list}
        rows={rows}
        render={render}
        openAt={reader.openAt}
        follows={attentive && newest}
        label={t("messages-in", { room: room.name })}
        onBeginning={() => older === "some" && void room.older()}
        onNearEnd={() => newer === "some" && void room.newer()}
        onEnd={reader.onEnd}
        onView={reader.onView}
      />
      <View style={[styles.over, styles.top]}>
        {reader.day !== null && <DayPill day={reader.day} floating />}
        <Fetching room={room} timeline={timeline} view={view} />
        {reader.unread === "above" && <UnreadPill reader={reader} icon="up" />}
      </View>
      <View style={[styles.over, styles.bottom]}>
        {reader.unread === "below" && <UnreadPill reader={reader} icon="down" />}
      </View>
      {!(reader.atEnd && newest) && (
        <View style={[styles.over, styles.corner]}>
          <Jump count={reader.unread === "below" ? 0 : reader.fresh} onPress={onNewest} />
        </View>
      )}
    </>
  );
}

/** Says that messages are being fetched, or cannot be fetched. */
function Fetching({ room, timeline, view }: Pick<Props, "room" | "timeline" | "view">) {
  const { t } = useLocale();
  const { window } = timeline;
  const states = [view.older, view.newer, window?.state];
  const slow = useLasting(states.includes("loading"), 400);
  if (window?.state === "failed")
    return <Pill label={t("older-failed")} onPress={() => void room.jump(window.target)} />;
  if (view.older === "failed") return <Pill label={t("older-failed")} onPress={() => void room.older()} />;
  if (view.newer === "failed") return <Pill label={t("older-failed")} onPress={() => void room.newer()} />;
  return slow ? <Pill label={t("loading")} /> : null;
}

/** Leads to the first unread message. */
function UnreadPill({ reader, icon }: { readonly reader: Reader; readonly icon: "up" | "down" }) {
  const { t } = useLocale();
  return (
    <Pill
      testID="first-unread"
      icon={icon}
      label={t("unread-pill", { count: reader.missed })}
      onPress={() => void reader.toUnread()}
    />
  );
}

function render(row: Row) {
  return <View style={styles.column}>{drawn(row)}</View>;
}

function drawn(row: Row) {
  if (row.is === "day") return <Day day={row.day} />;
  if (row.is === "unread") return <Unread />;
  if (row.is === "removed") return <Removed />;
  return (
    <MessageBoundary of={row}>
      <MessageView row={row} />
    </MessageBoundary>
  );
}

const styles = StyleSheet.create({
  column: { width: "100%", maxWidth: rem(column), marginHorizontal: "auto" },
  over: { position: "absolute", start: 0, end: 0, pointerEvents: "box-none" },
  top: { top: space.s, alignItems: "center", gap: space.s },
  bottom: { bottom: space.m, alignItems: "center" },
  corner: { bottom: space.m, paddingHorizontal: space.l, alignItems: "flex-end" },
});
