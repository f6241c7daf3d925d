import type { JoinedRooms, Mark } from "./joined";
import type { Message } from "./message";
import { mentions } from "./mention";
import type { Records } from "./records";
import { unreadAfter } from "./timeline";

export interface ReadMarkOptions {
  readonly room: string;
  readonly client: string;
  readonly joined: JoinedRooms;
  readonly records: Records;
  /** The number of the newest message that this device knows of. */
  readonly last: () => number;
  readonly changed: () => void;
}

/** The largest number of unread mentions that are counted. */
const mostMentions = 999;

/**
 * How far a room is read, and where the line of the unread messages stands. A message is read when somebody has passed it, not because
 * the window has the focus. Own messages are read if everything before them is.
 */
export class ReadMark {
  readonly #o: ReadMarkOptions;
  #read = -1;
  #mark: number | null = null;
  #open = false;
  #attending = 0;
  /** What was read elsewhere, in an epoch that this tab may not know yet. */
  #elsewhere: Mark | undefined;
  /** The numbers of the unread messages that mention the client, ascending. */
  #mentions: readonly number[] = [];

  constructor(options: ReadMarkOptions) {
    this.#o = options;
  }

  /** The number of the last message that is read. Negative as long as it is not known. */
  get read(): number {
    return this.#read;
  }

  /** See Timeline.mark. */
  get mark(): number | null {
    return this.#mark;
  }

  /** See Summary.mentions. */
  get mentions(): number {
    return this.#mentions.length;
  }

  /** Takes what the device has, or stores what was read before the device could be read. */
  load(stored: number | undefined): void {
    const here = this.#read;
    if (stored !== undefined) this.#advance(stored);
    if (here > (stored ?? -1)) this.#store();
    this.show();
  }

  /** The user has passed a message. */
  pass(seq: number): void {
    if (!this.#advance(seq)) return;
    this.#store();
    this.#o.changed();
  }

  /** Begins a room that is new on this device: nothing is unread. As long as the device has not been read, nobody knows that. */
  begin(last: number): void {
    if (this.#o.records.known && this.#read < 0) this.pass(last);
  }

  /** Goes back to a number, because the log is another one. */
  goBackTo(seq: number): void {
    const elsewhere = this.#elsewhere?.epoch === this.#o.records.epoch ? this.#elsewhere?.seq : undefined;
    this.#read = elsewhere ?? seq;
    this.#store();
    this.show();
  }

  /** Forgets what was read, because the log is another one. */
  forget(): void {
    this.#read = -1;
    this.#mark = null;
    this.#mentions = [];
  }

  /** Notes what was read elsewhere. */
  onElsewhere(mark: Mark): void {
    this.#elsewhere = mark;
    const { epoch = mark.epoch } = this.#o.records;
    if ((mark.epoch ?? epoch) === epoch && this.#advance(mark.seq)) this.#o.changed();
  }

  /** Messages are new in the log: at its end, or before its beginning. Own ones at the end are read if everything before them is. */
  added(messages: readonly Message[]): void {
    const { client } = this.#o;
    const fresh = messages.filter(
      (m) => m.seq > this.#read && m.client_id !== client && mentions(m.msg, client).length > 0,
    );
    if (fresh.length > 0) {
      const all = new Set([...this.#mentions, ...fresh.map(({ seq }) => seq)]);
      this.#mentions = [...all].sort((a, b) => a - b).slice(-mostMentions);
    }
    this.#advanceReadOverOwn(messages);
    this.#follow();
  }

  setOpen(open: boolean): void {
    this.#open = open;
    this.#mark = null;
    this.show();
  }

  /** Somebody looks at the room, until the returned function is called. */
  attend(): () => void {
    if (this.#attending++ === 0) this.#mark = this.#unread();
    this.#o.changed();
    let attends = true;
    return () => {
      if (!attends) return;
      attends = false;
      this.#attending--;
      this.#follow();
      this.#o.changed();
    };
  }

  /** Sets the mark if there is none, after messages came that are not live: those on the device, and those that were missing. */
  show(): void {
    if (this.#open) this.#mark ??= this.#unread();
    this.#follow();
    this.#o.changed();
  }

  /** Removes the mark after the user has sent a message, if everything is read. */
  sent(): void {
    if (this.#unread() === null) this.#mark = null;
    this.#o.changed();
  }

  /** Lets the mark follow what is read while nobody looks. */
  #follow(): void {
    if (this.#attending === 0) this.#mark = this.#open ? this.#unread() : null;
  }

  #unread(): number | null {
    return unreadAfter({ read: this.#read, last: this.#o.last() });
  }

  #advance(seq: number): boolean {
    if (seq <= this.#read) return false;
    this.#read = seq;
    if (this.#mentions.length > 0) this.#mentions = this.#mentions.filter((mention) => mention > seq);
    this.#follow();
    return true;
  }

  #advanceReadOverOwn(messages: readonly Message[]): void {
    let read = this.#read;
    for (const m of messages) if (m.seq === read + 1 && m.client_id === this.#o.client) read = m.seq;
    if (this.#advance(read)) this.#store();
  }

  #store(): void {
    const { room, joined, records } = this.#o;
    if (records.known) joined.setMark(room, { seq: this.#read, epoch: records.epoch });
  }
}
