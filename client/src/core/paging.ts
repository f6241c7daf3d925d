import type { Message } from "./message";
import type { Parts } from "./parts";
import type { More } from "./timeline";

/** The size of a page of older messages. */
const olderPageSize = 500;

/** Fetches the messages before those in memory, from the device if it has them, otherwise from the server. */
export class Paging {
  readonly #o: Parts;
  #state: Exclude<More, "none"> = "some";
  #fetching: Promise<void> | undefined;
  /** The number of the oldest message to fetch. */
  #target = Infinity;

  constructor(options: Parts) {
    this.#o = options;
  }

  /** See Timeline.older. */
  get older(): More {
    return this.#o.log.first > this.#o.log.oldest ? this.#state : "none";
  }

  /** Fetches one page, or all messages from a number on while the room is open. */
  fetch(from = Infinity, size = olderPageSize): Promise<void> {
    this.#target = Math.min(this.#target, from);
    this.#fetching ??= this.#fetch(size).finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetch(size: number): Promise<void> {
    const { log, load, isOpen, changed } = this.#o;
    await load();
    this.#state = "loading";
    changed();
    try {
      while ((await this.#page(size)) && isOpen() && log.first > this.#target);
      this.#state = "some";
    } catch {
      this.#state = "failed";
    }
    this.#target = Infinity;
    changed();
  }

  /** Fetches the page before the first message. Returns whether messages were added. */
  async #page(size: number): Promise<boolean> {
    const { room, api, log, records, mustBePresent } = this.#o;
    const { first } = log;
    const { epoch } = records;
    if (first <= log.oldest) return false;
    const here = await records.history(size, first);
    const page = here.length > 0 ? undefined : await api.page(room, size, first);
    if (log.first !== first || records.epoch !== epoch) return false; // the log was replaced meanwhile
    if (page === undefined) return this.#prepend(here);
    mustBePresent(page);
    const continues = page.messages.at(-1)?.seq === first - 1;
    log.oldest = continues ? Math.max(1, page.oldest_seq) : first; // otherwise the server no longer has the messages before it
    records.keep(page.messages);
    return this.#prepend(page.messages);
  }

  #prepend(messages: readonly Message[]): boolean {
    const { log, prepended } = this.#o;
    const { first } = log;
    log.prepend(messages);
    prepended(messages);
    return log.first < first;
  }
}
