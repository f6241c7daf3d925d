import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../../core/chat";
import type { Room } from "../../core/room";
import type { Timeline } from "../../core/timeline";
import { useLocale } from "../i18n";
import { useReadable } from "../readable";
import { Text } from "../Text";
import { space } from "../theme";
import { Announcer } from "./Announcer";
import { Bubble, type Actions } from "./Bubble";
import { Jump, Pill } from "./Floating";
import { List } from "./List";
import type { ListHandle } from "./list";
import { rowsOf, type Row } from "./rows";
import { Day, Removed, Unread } from "./Separator";
import { useAttention } from "./useAttention";

interface Props {
  readonly chat: Chat;
  readonly room: Room;
}

/** The messages of a room. It is mounted again for each room. */
export function Messages({ chat, room }: Props) {
  const { t } = useLocale();
  const timeline = useReadable(room.timeline);
  useLayoutEffect(() => room.open(), [room]);
  const attentive = useAttention();
  useLayoutEffect(() => (attentive ? room.attend() : undefined), [room, attentive]);

  if (timeline.refused !== null) return <Note title={t("refused")} text={timeline.refused} />;
  if (!timeline.open || !timeline.loaded) return null;
  if (timeline.messages.length + timeline.outgoing.length > 0)
    return <Log chat={chat} room={room} timeline={timeline} />;
  const known = timeline.read >= 0; // otherwise the server has not answered yet
  if (known && timeline.last === 0) return <Note title={t("empty")} text={t("empty-text")} />;
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

/** The list of messages, which has at least one, and the buttons to move in it. */
function Log({ chat, room, timeline }: Props & { readonly timeline: Timeline }) {
  const { t } = useLocale();
  const { messages, outgoing, mark, older } = timeline;
  const rows = useMemo(() => rowsOf(timeline, chat.client), [timeline, chat.client]);
  const list = useRef<ListHandle>(null);
  const [openAt] = useState(() => (rows.some((row) => row.is === "unread") ? "unread" : null));
  const last = messages.at(-1)?.seq ?? 0;
  const attentive = useAttention();
  const end = useEnd(room, last, openAt === null ? last : (mark ?? last), openAt === null, attentive);
  const unread = useUnread(rows, mark, openAt !== null);
  const slow = useSlow(older === "loading");
  const actions = useActions(chat, list);
  const render = useCallback(
    (row: Row) => {
      if (row.is === "day") return <Day day={row.day} />;
      if (row.is === "unread") return <Unread />;
      if (row.is === "removed") return <Removed />;
      return <Bubble row={row} actions={actions} />;
    },
    [actions],
  );
  useFollowOwn(outgoing.at(-1)?.order ?? 0, attentive, list);

  const toUnread = async () => {
    if (mark !== null && mark + 1 < (messages[0]?.seq ?? 0)) await room.older(mark + 1);
    if (room.timeline.get().older === "failed") return; // the button for failed fetches is shown then
    unread.done();
    requestAnimationFrame(() => list.current?.toKey("unread"));
  };
  return (
    <View style={styles.log}>
      <List
        ref={list}
        rows={rows}
        render={render}
        openAt={openAt}
        label={t("messages-in", { room: room.name })}
        onBeginning={() => older === "some" && void room.older()}
        onEnd={end.reached}
        onTop={unread.passed}
      />
      <View style={[styles.over, styles.top]}>
        {older === "failed" ? (
          <Pill label={t("older-failed")} onPress={() => void room.older()} />
        ) : slow ? (
          <Pill label={t("loading")} />
        ) : (
          unread.above && (
            <Pill testID="first-unread" icon="up" label={t("first-unread")} onPress={() => void toUnread()} />
          )
        )}
      </View>
      {!end.atEnd && (
        <View style={[styles.over, styles.bottom]}>
          <Jump count={end.fresh} onPress={() => list.current?.toEnd()} />
        </View>
      )}
      <Announcer room={room} client={chat.client} />
    </View>
  );
}

function useActions(chat: Chat, list: React.RefObject<ListHandle | null>): Actions {
  return useMemo(
    () => ({
      retry: (id) => chat.resend(id),
      discard: (id) => chat.discard(id),
      unfold: () => list.current?.stay(),
      fold: (key) => requestAnimationFrame(() => requestAnimationFrame(() => list.current?.show(key))), // two frames later the row has its new size
    }),
    [chat, list],
  );
}

/** Whether the list is at its end, and how many messages came since it was. Messages are marked as read if the user looks at the end. */
function useEnd(room: Room, last: number, seen: number, starts: boolean, attentive: boolean) {
  const [atEnd, setAtEnd] = useState(starts);
  const [known, setKnown] = useState(seen);
  useEffect(() => {
    if (atEnd && attentive && last > 0) room.read(last);
  }, [room, atEnd, attentive, last]);
  const reached = (now: boolean) => {
    setAtEnd(now);
    if (!now) setKnown(last);
  };
  return { atEnd, fresh: Math.max(0, last - known), reached };
}

/** Whether the first unread message is above the visible part and was not visited yet. */
function useUnread(rows: readonly Row[], mark: number | null, opensThere: boolean) {
  const [visited, setVisited] = useState(opensThere ? mark : null);
  const [passed, setPassed] = useState(false);
  const place = useMemo(() => rows.findIndex((row) => row.is === "unread"), [rows]);
  return {
    above: mark !== null && mark !== visited && (place < 0 || passed),
    done: () => setVisited(mark),
    passed: (top: number) => setPassed(place >= 0 && top > place),
  };
}

/** Scrolls to the end when the user has sent a message. */
function useFollowOwn(written: number, attentive: boolean, list: React.RefObject<ListHandle | null>): void {
  const newest = useRef(written);
  useEffect(() => {
    const fresh = written > newest.current;
    if (fresh) newest.current = written;
    if (fresh && attentive) list.current?.toEnd();
  }, [written, attentive, list]);
}

/** Whether something takes so long that the app should show it. */
function useSlow(busy: boolean): boolean {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    if (!busy) return;
    const timer = setTimeout(() => setSlow(true), 400);
    return () => {
      clearTimeout(timer);
      setSlow(false);
    };
  }, [busy]);
  return slow && busy;
}

const styles = StyleSheet.create({
  log: { flex: 1, minHeight: 0 },
  note: { flex: 1, alignItems: "center", justifyContent: "center", padding: space.xl, gap: space.s },
  centred: { textAlign: "center", maxWidth: 420 },
  over: { position: "absolute", start: 0, end: 0, pointerEvents: "box-none" },
  top: { top: space.s, alignItems: "center" },
  bottom: { bottom: space.m, paddingHorizontal: space.l, alignItems: "flex-end" },
});
