import { useMemo, useState, type RefObject } from "react";

import type { Room } from "../../core/room";
import type { Timeline } from "../../core/timeline";
import type { ListHandle, Opening } from "./list";
import type { Row } from "./rows";

interface Options {
  readonly room: Room;
  readonly timeline: Timeline;
  readonly rows: readonly Row[];
  readonly list: RefObject<ListHandle | null>;
  /** The number of the message that was jumped to. */
  readonly target: number | null;
  readonly attentive: boolean;
}

/** Where the reader is in the list, and where the first unread message is from there. */
export interface Reader {
  /** Where the list opens. */
  readonly openAt: Opening | null;
  readonly atEnd: boolean;
  /** How many messages are unread now, and how many were when the reader came. */
  readonly fresh: number;
  readonly missed: number;
  /** The day of the highest visible message; null if its own line shows it. */
  readonly day: Date | null;
  /** Where the first unread message is, until the reader has seen it; null afterwards, and if nothing is unread. */
  readonly unread: "above" | "below" | null;
  readonly onEnd: (atEnd: boolean) => void;
  readonly onView: (top: number, bottom: number) => void;
  readonly toUnread: () => Promise<void>;
}

/** Follows the reader. While somebody looks at the list, what has been in view whole is read. */
export function useReader({ room, timeline, rows, list, target, attentive }: Options): Reader {
  const { mark, read, last } = timeline;
  const place = useMemo(() => rows.findIndex((row) => row.is === "unread"), [rows]);
  const [openAt] = useState(() => openingOf(rows, target, mark));
  const [atEnd, setAtEnd] = useState(openAt === null);
  const [day, setDay] = useState<Date | null>(null);
  const [below, setBelow] = useState(false);
  const [visited, setVisited] = useState(openAt?.key === "unread" ? mark : null);

  const onView = (top: number, bottom: number) => {
    const first = rows[top];
    setDay((before) => dayOf(first, before));
    setBelow(place > bottom);
    if (place >= top && place <= bottom && attentive) setVisited(mark);
    if (attentive) pass(room, rows, bottom);
  };
  const toUnread = async () => {
    if (mark === null) return;
    if (place < 0) await room.jump(mark + 1); // the list begins again there
    setVisited(mark);
    requestAnimationFrame(() => list.current?.toKey("unread", "top"));
  };
  return {
    openAt,
    atEnd,
    fresh: read < 0 ? 0 : Math.max(0, last - read),
    missed: mark === null ? 0 : Math.max(0, last - mark),
    day,
    unread: mark === null || mark === visited ? null : below ? "below" : "above",
    onEnd: setAtEnd,
    onView,
    toUnread,
  };
}

/** Returns where a list opens: at the message that was jumped to, at the first unread one, or else at the end (null). */
function openingOf(rows: readonly Row[], target: number | null, mark: number | null): Opening | null {
  const key = rows.find((row) => row.is === "message" && row.message.seq === target)?.key;
  if (key !== undefined && target !== (mark ?? -1) + 1) return { key, place: "middle" };
  return rows.some((row) => row.is === "unread") ? { key: "unread", place: "top" } : null;
}

/** Returns the day of a row, the same object if it is the same day. */
function dayOf(row: Row | undefined, before: Date | null): Date | null {
  if (row?.is !== "message" && row?.is !== "outgoing") return null;
  return before?.toDateString() === row.time.toDateString() ? before : row.time;
}

/** Marks the messages down to a row as read. */
function pass(room: Room, rows: readonly Row[], bottom: number): void {
  for (let i = Math.min(bottom, rows.length - 1); i >= 0; i--) {
    const row = rows[i];
    if (row?.is === "message") return room.read(row.message.seq);
  }
}
