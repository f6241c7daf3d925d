import type { Reason } from "./failure";
import type { Message, Outgoing } from "./message";

/** Whether more messages exist in one direction, and whether they are being fetched. */
export type More = "none" | "some" | "loading" | "failed";

/** The visible state of a room. */
export interface Timeline {
  /** The messages in memory, ascending, without gaps, up to the newest one that has come. */
  readonly messages: readonly Message[];
  /** The client's messages that have not come back yet, in the order in which they were written. */
  readonly outgoing: readonly Outgoing[];
  /** Whether older messages exist, and whether they are being fetched. */
  readonly older: More;
  /** A part of the log around a number, which is shown instead of the messages. Null if the messages are shown. */
  readonly window: Window | null;
  /** The number of the room's newest message that this device knows of. */
  readonly last: number;
  /** The number of the oldest message that the server still has, after `last` if it has none. */
  readonly oldest: number;
  /** The number of the last message that the user has read. */
  readonly read: number;
  /**
   * The number after which the unread messages begin; null if nothing was unread. While nobody looks at the room, it is what is read. While
   * somebody looks it stays where it was when they began, also after they have read on.
   */
  readonly mark: number | null;
  /** Whether the room is open on the screen. */
  readonly open: boolean;
  /** Whether the room's newest messages have been read from the device. */
  readonly loaded: boolean;
  /**
   * Set until the user dismisses it if the server has gone back to an earlier state: messages after this time (RFC 3339) may be
   * missing, "" if the time is not known.
   */
  readonly wentBack: string | null;
  /** Why the server does not let this client read the room. */
  readonly refused: Reason | null;
}

/** A closed part of a room's log around a number. */
export interface Window {
  /** The number that was jumped to. */
  readonly target: number;
  /** Ascending, without gaps. They have the target if the window is ready. */
  readonly messages: readonly Message[];
  /** "absent": the server has no message of that number: it has removed it, or has not got that far. */
  readonly state: "loading" | "ready" | "failed" | "absent";
  readonly older: More;
  readonly newer: More;
}

/** A room of which nothing is known yet. */
export const emptyTimeline: Timeline = {
  messages: [],
  outgoing: [],
  older: "none",
  window: null,
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
