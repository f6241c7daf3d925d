import type { Entries, Entry, Page } from "./api";
import type { Joined, Reset } from "./hub";
import { byteLength, isRecord, maxBytes, roomPattern, type Message } from "./message";

// The server's messages and answers are checked here before anything else sees them. Fields and kinds that this version does not
// know are passed over, so that a later server can add some.

const longestID = 128;
const longestName = 512;
const longestTime = 64;
const longestEpoch = 256;
const longestReason = 64;
/** A page has at most this many messages, and a list at most this many rooms. */
const longestList = 10_000;

/** A received message: one to show, one of a kind that this version does not know, or none at all. */
export type Received =
  { readonly is: "message"; readonly message: Message } | { readonly is: "unknown" } | { readonly is: "malformed" };

/** Reads a message of the server. */
export function receivedOf(value: unknown): Received {
  if (!isRecord(value)) return { is: "malformed" };
  const { kind } = value;
  if (typeof kind === "string" && kind !== "message") return { is: "unknown" };
  const { id, room, seq, client_id, msg, sent_at, stored_at } = value;
  const valid =
    isText(id, 1, longestID) &&
    isRoom(room) &&
    isCount(seq) &&
    seq > 0 &&
    isText(client_id, 1, longestName) &&
    isText(msg, 0, maxBytes) &&
    byteLength(msg) <= maxBytes &&
    isTime(sent_at) &&
    isTime(stored_at);
  return valid
    ? { is: "message", message: { kind: "message", id, room, seq, client_id, msg, sent_at, stored_at } }
    : { is: "malformed" };
}

/** Reads a page of a room, in ascending order without gaps. Null if the page or one of its messages is malformed. */
export function pageOf(value: unknown, room: string): Page | null {
  if (!isRecord(value) || !isList(value.messages)) return null;
  const { last_seq, oldest_seq, epoch } = value;
  if (!isCount(last_seq) || !isCount(oldest_seq) || !isEpoch(epoch)) return null;
  let messages: Message[] = [];
  for (const received of value.messages.map(receivedOf)) {
    if (received.is === "malformed") return null;
    if (received.is === "unknown") continue;
    const { message } = received;
    const before = messages.at(-1)?.seq ?? 0;
    if (message.room !== room || message.seq <= before) return null;
    if (message.seq !== before + 1) messages = []; // a log has no gaps, and what follows the last one is newest
    messages.push(message);
  }
  return { messages, last_seq, oldest_seq, ...(epoch === undefined ? {} : { epoch }) };
}

/** Reads a list of rooms. Null if it is no list; `malformed` counts the rooms that are left out. */
export function entriesOf(value: unknown): Entries | null {
  if (!isRecord(value) || !isList(value.rooms)) return null;
  const epoch = isEpoch(value.epoch) ? value.epoch : undefined;
  const complete = value.next === undefined || value.next === null;
  const rooms = value.rooms.flatMap((entry): Entry[] => {
    if (!isRecord(entry)) return [];
    const { name, last_seq, last_stored_at } = entry;
    if (!isRoom(name) || !isCount(last_seq)) return [];
    if (last_stored_at === undefined || last_stored_at === null) return [{ name, last_seq }];
    return isTime(last_stored_at) ? [{ name, last_seq, last_stored_at }] : [];
  });
  return { rooms, complete, epoch, malformed: value.rooms.length - rooms.length };
}

/** Reads the answer to a join. Null if it is malformed. */
export function joinedOf(value: unknown): Joined | null {
  if (!isRecord(value)) return null;
  const { last_seq, oldest_seq, epoch, reset } = value;
  if (!isCount(last_seq) || !isCount(oldest_seq) || !isEpoch(epoch)) return null;
  const told = reset === undefined || reset === null ? undefined : resetOf(reset);
  if (told === null) return null;
  return {
    last_seq,
    oldest_seq,
    ...(epoch === undefined ? {} : { epoch }),
    ...(told === undefined ? {} : { reset: told }),
  };
}

/** Reads a reset. Null if it is malformed. */
export function resetOf(value: unknown): Reset | null {
  if (!isRecord(value)) return null;
  const { room, reason, after } = value;
  return isRoom(room) && isText(reason, 1, longestReason) && isCount(after) ? { room, reason, after } : null;
}

/** Reads the server's receipt of a message, and returns the time of acceptance. Null if it is malformed. */
export function acceptedOf(value: unknown, id: string): string | null {
  return isRecord(value) && value.id === id && isTime(value.sent_at) ? value.sent_at : null;
}

function isText(value: unknown, least: number, most: number): value is string {
  return typeof value === "string" && value.length >= least && value.length <= most;
}

function isRoom(value: unknown): value is string {
  return typeof value === "string" && roomPattern.test(value);
}

/** Whether a value is a number of messages: whole, not negative, and exact. */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0; // a safe integer is a number
}

function isTime(value: unknown): value is string {
  return isText(value, 1, longestTime) && /^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(Date.parse(value));
}

function isEpoch(value: unknown): value is string | undefined {
  return value === undefined || isText(value, 0, longestEpoch);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length <= longestList;
}
