import type { Message, Outgoing } from "../../core/message";
import type { Timeline } from "../../core/room";

/** A row of the list of messages. Its key stays the same while it moves, also when one's own message comes back in the log. */
export type Row =
  | { readonly is: "day"; readonly key: string; readonly day: Date }
  | { readonly is: "unread"; readonly key: string }
  | (CommonFields & { readonly is: "message"; readonly message: Message })
  | (CommonFields & { readonly is: "outgoing"; readonly message: Outgoing });

interface CommonFields {
  readonly key: string;
  readonly mine: boolean;
  /** Its place in a group: messages that one person has sent shortly after each other. */
  readonly first: boolean;
  readonly last: boolean;
  readonly time: Date;
}

type MessageRow = Extract<Row, CommonFields>;

/** Messages further apart than this are in different groups, in milliseconds. */
const groupGap = 5 * 60_000;

interface Entry {
  readonly message: Message | Outgoing;
  readonly sender: string;
  readonly time: Date;
  readonly day: string;
}

const entries = new WeakMap<Message | Outgoing, Entry>();
const rows = new WeakMap<Message | Outgoing, MessageRow>();

type Shown = Pick<Timeline, "messages" | "outgoing" | "mark" | "older">;

/** The rows of a room for one client. A row that has not changed is the same object as before. */
export function rowsOf(timeline: Shown, client: string): readonly Row[] {
  const { messages, outgoing } = timeline;
  const all: readonly (Message | Outgoing)[] = outgoing.length === 0 ? messages : [...messages, ...outgoing];
  const unread = unreadOf(timeline);
  const list: Row[] = [];
  let before: Entry | undefined;
  let day: Entry | undefined;
  let entry = all[0] === undefined ? undefined : entryOf(all[0], client);
  for (let i = 0; entry !== undefined; i++) {
    const following = all[i + 1];
    const next = following === undefined ? undefined : entryOf(following, client);
    if (day === undefined || (entry.day !== day.day && entry.time > day.time)) {
      day = entry; // clocks differ: a day that is over does not come back
      list.push({ is: "day", key: `day-${entry.message.id}`, day: entry.time });
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

/** The message with which the unread ones begin, if it is there; the first one, if what was before it is not kept any more. */
function unreadOf({ messages, mark, older }: Shown): Message | undefined {
  const [first] = messages;
  if (mark === null || first === undefined) return undefined;
  if (first.seq > mark) return older === "none" || first.seq === mark + 1 ? first : undefined;
  return messages[mark + 1 - first.seq];
}

function entryOf(message: Message | Outgoing, client: string): Entry {
  const known = entries.get(message);
  if (known !== undefined) return known;
  const time = new Date("seq" in message ? message.sent_at : message.written_at);
  const entry = { message, sender: "seq" in message ? message.client_id : client, time, day: time.toDateString() };
  entries.set(message, entry);
  return entry;
}

function isGroup(a: Entry, b: Entry): boolean {
  return a.sender === b.sender && a.day === b.day && b.time.getTime() - a.time.getTime() < groupGap;
}

function rowOf({ message, sender, time }: Entry, client: string, first: boolean, last: boolean): MessageRow {
  const known = rows.get(message);
  if (known !== undefined && known.first === first && known.last === last) return known;
  const common = { key: message.id, mine: sender === client, first, last, time };
  const row: MessageRow = "seq" in message ? { ...common, is: "message", message } : { ...common, is: "outgoing", message };
  rows.set(message, row);
  return row;
}
