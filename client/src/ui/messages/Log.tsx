import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../../core/chat";
import { timeOf, type Message, type Outgoing } from "../../core/message";
import type { Room } from "../../core/room";
import type { Timeline } from "../../core/timeline";
import { useLocale } from "../i18n";
import { usePreferences } from "../preferences";
import { useReadable } from "../readable";
import { space } from "../theme";
import { useWide } from "../wide";
import { Announcer } from "./Announcer";
import { commandsOf } from "./commands";
import { Pill } from "./Floating";
import type { ListHandle } from "./list";
import { Menu } from "./Menu";
import type { Jumped } from "./Messages";
import { Scroller } from "./Scroller";
import { SurroundingsContext, type Actions, type Anchor, type Surroundings } from "./surroundings";
import { harmless } from "./text";
import { fullTime } from "./times";
import { useCopy } from "./useCopy";
import { useGeneration, viewOf } from "./view";
import { useLatest } from "../latest";

interface Props {
  readonly chat: Chat;
  readonly room: Room;
  readonly timeline: Timeline;
  readonly jumped: Jumped | null;
  /** Whether somebody looks at the messages. */
  readonly attentive: boolean;
  readonly onVisit: (room: string, seq: number | null) => void;
}

/** How long a message that was jumped to is highlighted, in milliseconds. */
const flash = 1_800;

/** The list of messages, which has at least one, with the menu of a message and short notices. */
export function Log({ chat, room, timeline, jumped, attentive, onVisit }: Props) {
  const { t } = useLocale();
  const view = viewOf(timeline);
  const generation = useGeneration(view.messages);
  const list = useRef<ListHandle>(null);
  const [menu, setMenu] = useState<OpenMenu | null>(null);
  const [notice, show, copy] = useCopy();
  const flashed = useFlash(jumped);
  const surroundings = useSurroundingsOf({ chat, list, flashed, copy, setMenu, onVisit });
  const toNewest = () => {
    if (view.newest) list.current?.toEnd();
    else room.toNewest();
    onVisit(room.name, null); // the address names no message any more
  };
  useFollowOwn(timeline.outgoing.at(-1)?.order ?? 0, attentive, toNewest);
  useEffect(() => {
    if (jumped === null || room.timeline.get().window?.state !== "absent") return;
    room.toNewest();
    show(t("message-absent"));
  }, [room, jumped, show, t]);

  return (
    <SurroundingsContext.Provider value={surroundings}>
      <View style={styles.log}>
        <Scroller
          key={generation}
          list={list}
          room={room}
          client={chat.client}
          timeline={timeline}
          view={view}
          jumped={jumped}
          attentive={attentive}
          onNewest={toNewest}
        />
        {notice !== null && (
          <View style={styles.notice}>
            <Pill label={notice} />
          </View>
        )}
        <Announcer room={room} client={chat.client} />
        {menu !== null && <MessageMenu {...menu} surroundings={surroundings} onClose={() => setMenu(null)} />}
      </View>
    </SurroundingsContext.Provider>
  );
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
  const { me, server, actions } = surroundings;
  const own = message.kind === "outgoing" || message.client_id === me;
  const sender = own ? t("you") : harmless(message.client_id);
  return (
    <Menu
      commands={commandsOf(message, server, actions)}
      title={`${sender}, ${fullTime(new Date(timeOf(message)), formats)}`}
      anchor={anchor}
      onClose={onClose}
    />
  );
}

interface SurroundingsOptions {
  readonly chat: Chat;
  readonly list: RefObject<ListHandle | null>;
  readonly flashed: number | null;
  readonly copy: (text: string) => void;
  readonly setMenu: (menu: OpenMenu) => void;
  readonly onVisit: (room: string, seq: number | null) => void;
}

function useSurroundingsOf({ chat, list, flashed, copy, setMenu, onVisit }: SurroundingsOptions): Surroundings {
  const { density } = useReadable(usePreferences().choices);
  const wide = useWide();
  const visit = useLatest(onVisit);
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
    [chat, list, copy, openMenu, visit],
  );
  return useMemo(
    () => ({ density, wide, me: chat.client, server: chat.server, flashed, actions }),
    [density, wide, chat, flashed, actions],
  );
}

/** Returns the number of the message that was jumped to a moment ago. */
function useFlash(jumped: Jumped | null): number | null {
  const [over, setOver] = useState<Jumped | null>(null);
  useEffect(() => {
    if (jumped === null) return;
    const timer = setTimeout(() => setOver(jumped), flash);
    return () => clearTimeout(timer);
  }, [jumped]);
  return jumped === over ? null : (jumped?.seq ?? null);
}

/** Calls toEnd when the user has sent a message. */
function useFollowOwn(written: number, attentive: boolean, toEnd: () => void): void {
  const newest = useRef(written);
  useEffect(() => {
    const fresh = written > newest.current;
    if (fresh) newest.current = written;
    if (fresh && attentive) toEnd();
  });
}

const styles = StyleSheet.create({
  log: { flex: 1, minHeight: 0 },
  notice: { position: "absolute", start: 0, end: 0, bottom: space.m, alignItems: "center", pointerEvents: "none" },
});
