import type { Message } from "./message";

/**
 * The newest messages of a room that this device has at hand: an unbroken run of numbers, in order, each once. What does not
 * follow on yet waits until what is before it has come.
 */
export class Log {
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

  /** The number after which the log goes on: that of the last message, also when that is not kept any more. */
  get last(): number {
    return this.#last;
  }

  /** Whether messages wait for others that are before them. */
  get gap(): boolean {
    return this.#ahead.size > 0;
  }

  /** Whether a message of this log has another one's number: then they are not of one log. */
  contradicts(message: Message): boolean {
    const known = this.#messages[message.seq - this.first];
    return known !== undefined && known.id !== message.id;
  }

  /** Takes messages in any order and returns those that have been appended: repeats are dropped, what is beyond a gap waits. */
  add(messages: readonly Message[]): readonly Message[] {
    for (const message of messages) {
      if (message.seq > this.#last) this.#ahead.set(message.seq, message);
    }
    return this.#append();
  }

  /** Puts older messages, an unbroken run that ends just before the first one, in front. Others are dropped. */
  prepend(messages: readonly Message[]): void {
    const older = messages.filter((m) => m.seq < this.first);
    if (older.length > 0 && older.at(-1)?.seq === this.first - 1) this.#messages = [...older, ...this.#messages];
  }

  /**
   * Takes the newest page, an unbroken run up to the number last, and returns what of it, and of what has waited, is new in
   * the log. A page that is beyond a gap begins the log anew; one that is older than the log changes nothing.
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

  /** Forgets all but the newest messages. */
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
