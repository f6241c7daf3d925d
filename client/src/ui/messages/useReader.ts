import { useMemo, useState, type RefObject } from "react";

import type { Room } from "../../core/room";
import type { Timeline } from "../../core/timeline";
import type { ListHandle, Opening } from "./list";
import type { Row } from "./rows";

/** Where the reader is in the list, and where the first unread message is from there. */
export interface Reader {
  /** Where the list opens. */
  readonly openAt: Opening | null;
  readonly atEnd: boolean;
  /** How many messages are unread. */
  readonly fresh: number;
  /** The day of the highest visible message; null if its own line shows it. */
  readonly day: Date | null;
  /** Where the first unread message is, until the reader has seen it; null afterwards, and if nothing is unread. */
  readonly unread: "above" | "below" | null;
  readonly onEnd: (atEnd: boolean) => void;
  readonly onView: (top: number, bottom: number) => void;
  readonly toUnread: () => Promise<void>;
}

/** Follows the reader. While somebody looks at the list, what has been in view whole is read. */
export function useReader(
  room: Room,
  timeline: Timeline,
  rows: readonly Row[],
  list: RefObject<ListHandle | null>,
  attentive: boolean,
): Reader {
  const { mark, messages, read, last } = timeline;
  const place = useMemo(() => rows.findIndex((row) => row.is === "unread"), [rows]);
  const [openAt] = useState<Opening | null>(() => (place >= 0 ? { key: "unread", place: "top" } : null));
  const [atEnd, setAtEnd] = useState(openAt === null);
  const [day, setDay] = useState<Date | null>(null);
  const [below, setBelow] = useState(false);
  const [visited, setVisited] = useState(openAt === null ? null : mark);

  const onView = (top: number, bottom: number) => {
    const first = rows[top];
    setDay((before) => dayOf(first, before));
    setBelow(place > bottom);
    if (place >= top && place <= bottom && attentive) setVisited(mark);
    if (attentive) passed(room, rows, bottom);
  };
  const toUnread = async () => {
    if (mark !== null && mark + 1 < (messages[0]?.seq ?? 0)) await room.older(mark + 1);
    if (room.timeline.get().older === "failed") return; // the button for failed fetches is shown then
    setVisited(mark);
    requestAnimationFrame(() => list.current?.toKey("unread", "top"));
  };
  const unread = mark === null || mark === visited ? null : below ? "below" : "above";
  return {
    openAt,
    atEnd,
    fresh: read < 0 ? 0 : Math.max(0, last - read),
    day,
    unread,
    onEnd: setAtEnd,
    onView,
    toUnread,
  };
}

/** Returns the day of a row, the same object if it is the same day. */
function dayOf(row: Row | undefined, before: Date | null): Date | null {
  if (row?.is !== "message" && row?.is !== "outgoing") return null;
  return before?.toDateString() === row.time.toDateString() ? before : row.time;
}

/** Marks the messages down to a row as read. */
function passed(room: Room, rows: readonly Row[], bottom: number): void {
  for (let i = Math.min(bottom, rows.length - 1); i >= 0; i--) {
    const row = rows[i];
    if (row?.is === "message") return room.read(row.message.seq);
  }
}
