import type { Message, Outgoing } from "./message";

/** The visible state of a room. */
export interface Timeline {
  /** The messages in memory, ascending, without gaps, up to the newest one that has come. */
  readonly messages: readonly Message[];
  /** The client's messages that have not come back yet, in the order in which they were written. */
  readonly outgoing: readonly Outgoing[];
  /** Whether older messages exist, and whether they are being fetched. */
  readonly older: "none" | "some" | "loading" | "failed";
  /** The number of the room's newest message that this device knows of. */
  readonly last: number;
  /** The number of the oldest message that the server still has, after `last` if it has none. */
  readonly oldest: number;
  /** The number of the last message that the user has read. */
  readonly read: number;
  /** The number after which the unread messages begin. It is set when the room is opened or caught up; null if nothing was unread. */
  readonly mark: number | null;
  /** Whether the room is open on the screen. */
  readonly open: boolean;
  /** Whether the room's data has been read from the device. */
  readonly loaded: boolean;
  /**
   * Set until the user dismisses it if the server has gone back to an earlier state: messages after this time (RFC 3339) may be
   * missing, "" if the time is not known.
   */
  readonly wentBack: string | null;
  /** Why the server does not let this client read the room. */
  readonly refused: string | null;
}

/** A room of which nothing is known yet. */
export const emptyTimeline: Timeline = {
  messages: [],
  outgoing: [],
  older: "none",
  last: 0,
  oldest: 1,
  read: -1,
  mark: null,
  open: false,
  loaded: false,
  wentBack: null,
  refused: null,
};

/** Returns the number after which the unread messages begin; null if none is unread. */
export function unreadAfter({ read, last }: Pick<Timeline, "read" | "last">): number | null {
  return read >= 0 && read < last ? read : null;
}

/** Returns the earlier of two values of Timeline.wentBack. A time that is not known gives way to a known one. */
export function earliest(before: string | null, now: string): string {
  if (before === null || before === "" || now === "") return before === null || before === "" ? now : before;
  return before < now ? before : now;
}
