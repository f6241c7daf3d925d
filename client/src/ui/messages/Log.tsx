import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../../core/chat";
import type { Message, Outgoing } from "../../core/message";
import type { Room } from "../../core/room";
import type { Timeline } from "../../core/timeline";
import { useLasting } from "../busy";
import { useLocale } from "../i18n";
import { usePreferences } from "../preferences";
import { useReadable } from "../readable";
import { rem, space } from "../theme";
import { useWide } from "../wide";
import { Announcer } from "./Announcer";
import { commandsOf } from "./commands";
import { Jump, Pill } from "./Floating";
import { List } from "./List";
import type { ListHandle } from "./list";
import { Menu } from "./Menu";
import { MessageView } from "./Message";
import { rowsOf, type Row } from "./rows";
import { Day, DayPill, Removed, Unread } from "./Separator";
import { SurroundingsContext, type Actions, type Anchor, type Surroundings } from "./surroundings";
import { harmless } from "./text";
import { fullTime } from "./times";
import { useAttention } from "./useAttention";
import { useCopy } from "./useCopy";
import { useReader } from "./useReader";

interface Props {
  readonly chat: Chat;
  readonly room: Room;
  readonly timeline: Timeline;
  readonly onVisit: (room: string, seq: number | null) => void;
}

/** The widest column of messages. Longer lines are hard to read. */
export const column = 860;

/** The list of messages, which has at least one, and the buttons to move in it. */
export function Log({ chat, room, timeline, onVisit }: Props) {
  const { t } = useLocale();
  const { outgoing, older, mark } = timeline;
  const rows = useMemo(() => rowsOf(timeline, chat.client), [timeline, chat.client]);
  const list = useRef<ListHandle>(null);
  const attentive = useAttention();
  const reader = useReader(room, timeline, rows, list, attentive);
  const slow = useLasting(older === "loading", 400);
  const [menu, setMenu] = useState<OpenMenu | null>(null);
  const [notice, copy] = useCopy();
  const surroundings = useSurroundingsOf(chat, list, copy, setMenu, onVisit);
  useFollowOwn(outgoing.at(-1)?.order ?? 0, attentive, list);
  return (
    <SurroundingsContext.Provider value={surroundings}>
      <View style={styles.log}>
        <List
          ref={list}
          rows={rows}
          render={render}
          openAt={reader.openAt}
          follows={attentive}
          label={t("messages-in", { room: room.name })}
          onBeginning={() => older === "some" && void room.older()}
          onNearEnd={() => undefined}
          onEnd={reader.onEnd}
          onView={reader.onView}
        />
        <View style={[styles.over, styles.top]}>
          {reader.day !== null && <DayPill day={reader.day} floating />}
          {older === "failed" ? (
            <Pill label={t("older-failed")} onPress={() => void room.older()} />
          ) : slow ? (
            <Pill label={t("loading")} />
          ) : (
            mark !== null &&
            reader.unread !== null && (
              <Pill
                testID="first-unread"
                icon={reader.unread === "above" ? "up" : "down"}
                label={t("unread-pill", { count: timeline.last - mark })}
                onPress={() => void reader.toUnread()}
              />
            )
          )}
        </View>
        <View style={[styles.over, styles.bottom]}>
          <View style={styles.notice}>{notice !== null && <Pill label={notice} />}</View>
          {!reader.atEnd && <Jump count={reader.fresh} onPress={() => list.current?.toEnd()} />}
        </View>
        <Announcer room={room} client={chat.client} />
        {menu !== null && <MessageMenu {...menu} surroundings={surroundings} onClose={() => setMenu(null)} />}
      </View>
    </SurroundingsContext.Provider>
  );
}

function render(row: Row) {
  return <View style={styles.column}>{drawn(row)}</View>;
}

function drawn(row: Row) {
  if (row.is === "day") return <Day day={row.day} />;
  if (row.is === "unread") return <Unread />;
  if (row.is === "removed") return <Removed />;
  return <MessageView row={row} />;
}

interface OpenMenu {
  readonly message: Message | Outgoing;
  readonly anchor: Anchor;
}

interface MessageMenuProps extends OpenMenu {
  readonly surroundings: Surroundings;
  readonly onClose: () => void;
}

function MessageMenu({ message, anchor, surroundings, onClose }: MessageMenuProps) {
  const { t, formats } = useLocale();
  const sender =
    message.kind === "outgoing" || message.client_id === surroundings.me ? t("you") : harmless(message.client_id);
  const time = new Date(message.kind === "message" ? message.sent_at : message.written_at);
  return (
    <Menu
      commands={commandsOf(message, surroundings.server, surroundings.actions)}
      title={`${sender}, ${fullTime(time, formats)}`}
      anchor={anchor}
      onClose={onClose}
    />
  );
}

function useSurroundingsOf(
  chat: Chat,
  list: RefObject<ListHandle | null>,
  copy: (text: string) => void,
  setMenu: (menu: OpenMenu) => void,
  onVisit: (room: string, seq: number | null) => void,
): Surroundings {
  const { density } = useReadable(usePreferences().choices);
  const wide = useWide();
  const visit = useRef(onVisit);
  useEffect(() => {
    visit.current = onVisit;
  }, [onVisit]);
  const openMenu = useCallback(
    (message: Message | Outgoing, anchor: Anchor) => setMenu({ message, anchor }),
    [setMenu],
  );
  const actions: Actions = useMemo(
    () => ({
      retry: (id) => chat.resend(id),
      discard: (id) => chat.discard(id),
      unfold: () => list.current?.stay(),
      fold: (key) => requestAnimationFrame(() => requestAnimationFrame(() => list.current?.show(key))), // two frames later the row has its new size
      copy,
      openMenu,
      visit: (room, seq) => visit.current(room, seq),
    }),
    [chat, list, copy, openMenu],
  );
  return useMemo(
    () => ({ density, wide, me: chat.client, server: chat.server, flashed: null, actions }),
    [density, wide, chat, actions],
  );
}

/** Scrolls to the end when the user has sent a message. */
function useFollowOwn(written: number, attentive: boolean, list: RefObject<ListHandle | null>): void {
  const newest = useRef(written);
  useEffect(() => {
    const fresh = written > newest.current;
    if (fresh) newest.current = written;
    if (fresh && attentive) list.current?.toEnd();
  }, [written, attentive, list]);
}

const styles = StyleSheet.create({
  log: { flex: 1, minHeight: 0 },
  column: { width: "100%", maxWidth: rem(column), marginHorizontal: "auto" },
  over: { position: "absolute", start: 0, end: 0, pointerEvents: "box-none" },
  top: { top: space.s, alignItems: "center", gap: space.s },
  bottom: { bottom: space.m, paddingHorizontal: space.l, alignItems: "flex-end", gap: space.s },
  notice: { alignSelf: "center" },
});
