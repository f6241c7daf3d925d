import type { Message } from "./message";

/**
 * The newest messages of a room in memory, the run: in order, without gaps, each once. A message after a gap waits until the messages
 * before it have come.
 */
export class Log {
  /** The number of the oldest message that the server has. */
  oldest = 1;
  #messages: readonly Message[] = [];
  #last = 0;
  readonly #ahead = new Map<number, Message>();

  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** The number of the first message, 0 for none. */
  get first(): number {
    return this.#messages[0]?.seq ?? 0;
  }

  /** The number after which the log continues: that of the last message, also if the message itself is no longer kept. */
  get last(): number {
    return this.#last;
  }

  /** Whether messages wait behind a gap. */
  get gap(): boolean {
    return this.#ahead.size > 0;
  }

  /** Whether this log has another message with the same number. Then the message belongs to another log. */
  contradicts(message: Message): boolean {
    const known = this.#messages[message.seq - this.first];
    return known !== undefined && (known.id !== message.id || known.client_id !== message.client_id);
  }

  /** Adds messages in any order and returns those that were appended. Repeats are dropped; messages after a gap wait. */
  add(messages: readonly Message[]): readonly Message[] {
    for (const message of messages) {
      if (message.seq > this.#last) this.#ahead.set(message.seq, message);
    }
    return this.#append();
  }

  /** Puts older messages in front if they end just before the first one. Others are dropped. */
  prepend(messages: readonly Message[]): void {
    const older = messages.filter((m) => m.seq < this.first);
    if (older.length > 0 && older.at(-1)?.seq === this.first - 1) this.#messages = [...older, ...this.#messages];
  }

  /**
   * Adds the newest page, which has no gaps and ends at the number last. Returns the messages that are new in the log, also
   * those that have waited. A page after a gap replaces the log; a page that is older than the log changes nothing.
   */
  reset(page: readonly Message[], last = page.at(-1)?.seq ?? 0): readonly Message[] {
    const first = page[0]?.seq ?? last + 1;
    if (first <= this.#last + 1) return this.add(page);
    this.#messages = page;
    this.#last = last;
    for (const seq of [...this.#ahead.keys()]) {
      if (seq <= last) this.#ahead.delete(seq);
    }
    return [...page, ...this.#append()];
  }

  clear(): void {
    this.#messages = [];
    this.#last = 0;
    this.#ahead.clear();
  }

  /** Drops all but the newest messages. */
  trim(most: number): void {
    if (this.#messages.length > most) this.#messages = this.#messages.slice(-most);
  }

  #append(): readonly Message[] {
    const added: Message[] = [];
    for (let next = this.#ahead.get(this.#last + 1); next !== undefined; next = this.#ahead.get(next.seq + 1)) {
      this.#ahead.delete(next.seq);
      this.#last = next.seq;
      added.push(next);
    }
    if (added.length > 0) this.#messages = [...this.#messages, ...added];
    return added;
  }
}
