import { timeOf, type Message, type Outgoing } from "../../core/message";
import type { Timeline } from "../../core/timeline";

/**
 * A row of the list of messages. The key of an own message's row is its id, and stays the same when the message comes back in the log.
 * That of another one has its number, too, since messages of two clients may have the same id.
 */
export type Row =
  | { readonly is: "day"; readonly key: string; readonly day: Date }
  | { readonly is: "unread"; readonly key: string }
  | { readonly is: "removed"; readonly key: string }
  | (CommonFields & { readonly is: "message"; readonly message: Message })
  | (CommonFields & { readonly is: "outgoing"; readonly message: Outgoing });

interface CommonFields {
  readonly key: string;
  readonly mine: boolean;
  readonly sender: string;
  /** Whether it is the first or the last of a group, that is of messages that one client has sent shortly after each other. */
  readonly first: boolean;
  readonly last: boolean;
  readonly time: Date;
}

type MessageRow = Extract<Row, CommonFields>;

/** The longest time between two messages of a group, in milliseconds. */
const groupGap = 5 * 60_000;

interface Entry {
  readonly message: Message | Outgoing;
  readonly sender: string;
  readonly time: Date;
  readonly day: string;
  /** The time zone of the day. */
  readonly zone: string;
}

const entries = new WeakMap<Message | Outgoing, Entry>();
const rows = new WeakMap<Message | Outgoing, MessageRow>();

type Shown = Pick<Timeline, "messages" | "outgoing" | "mark" | "older">;

/** Returns the rows of a room for one client in a time zone. A row that has not changed is the same object as before. */
export function rowsOf(timeline: Shown, client: string, zone: string): readonly Row[] {
  const { messages, outgoing } = timeline;
  const all: readonly (Message | Outgoing)[] = outgoing.length === 0 ? messages : [...messages, ...outgoing];
  const unread = unreadOf(timeline);
  const list = beginningOf(timeline);
  let before: Entry | undefined;
  let day: Entry | undefined;
  let entry = all[0] === undefined ? undefined : entryOf(all[0], client, zone);
  for (let i = 0; entry !== undefined; i++) {
    const following = all[i + 1];
    const next = following === undefined ? undefined : entryOf(following, client, zone);
    if (day === undefined || (entry.day !== day.day && entry.time > day.time)) {
      day = entry; // clocks differ, so a message of an earlier day starts no new day
      list.push({ is: "day", key: `day-${keyOf(entry, client)}`, day: entry.time });
    }
    const opens = entry.message === unread;
    if (opens) list.push({ is: "unread", key: "unread" });
    const closes = next === undefined || next.message === unread || !isGroup(entry, next);
    list.push(rowOf(entry, client, opens || before === undefined || !isGroup(before, entry), closes));
    before = entry;
    entry = next;
  }
  return list;
}

/** Returns the row above the oldest message if the server has removed those before it. */
function beginningOf({ messages, older }: Shown): Row[] {
  return older === "none" && (messages[0]?.seq ?? 1) > 1 ? [{ is: "removed", key: "removed" }] : [];
}

/** Returns the first unread message if it is loaded. If the messages before the first loaded one no longer exist, it is the first loaded one. */
function unreadOf({ messages, mark, older }: Shown): Message | undefined {
  const [first] = messages;
  if (mark === null || first === undefined) return undefined;
  if (first.seq > mark) return older === "none" || first.seq === mark + 1 ? first : undefined;
  return messages[mark + 1 - first.seq];
}

function entryOf(message: Message | Outgoing, client: string, zone: string): Entry {
  const known = entries.get(message);
  if (known?.zone === zone) return known;
  const time = new Date(timeOf(message));
  const entry = {
    message,
    sender: message.kind === "message" ? message.client_id : client,
    time,
    day: time.toDateString(),
    zone,
  };
  entries.set(message, entry);
  return entry;
}

function isGroup(a: Entry, b: Entry): boolean {
  return a.sender === b.sender && a.day === b.day && b.time.getTime() - a.time.getTime() < groupGap;
}

function keyOf({ message, sender }: Entry, client: string): string {
  return message.kind === "message" && sender !== client ? `${message.seq}-${message.id}` : message.id;
}

function rowOf(entry: Entry, client: string, first: boolean, last: boolean): MessageRow {
  const { message, sender, time } = entry;
  const known = rows.get(message);
  if (known !== undefined && known.first === first && known.last === last) return known;
  const common = { key: keyOf(entry, client), mine: sender === client, sender, first, last, time };
  const row: MessageRow =
    message.kind === "message" ? { ...common, is: "message", message } : { ...common, is: "outgoing", message };
  rows.set(message, row);
  return row;
}
