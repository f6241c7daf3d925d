import type { Message } from "./message";
import type { Parts } from "./parts";
import type { More, Window } from "./timeline";

/** How many messages a window begins with, and how many each further page has. */
const windowPage = 100;
/** The largest number of messages in a window. More at one end drop those at the other. */
const mostInWindow = 1_000;

/**
 * A closed part of a room's log around a number, beside the run of the newest messages. It reads the device first, and grows in both
 * directions. When it meets the run, its messages become part of the run.
 */
export class LogWindow {
  readonly #o: Parts;
  #window: Window | null = null;

  constructor(options: Parts) {
    this.#o = options;
  }

  /** See Timeline.window. */
  get state(): Window | null {
    return this.#window;
  }

  /** Shows the part around a number. If the run has the number, there is no window. */
  async open(target: number): Promise<void> {
    const { log, load } = this.#o;
    if (this.#inRun(target)) return this.close();
    const opening: Window = { target, messages: [], state: "loading", older: "none", newer: "none" };
    this.#set(opening);
    await load();
    if (this.#window !== opening) return;
    if (this.#inRun(target)) return this.close();
    const end = target + windowPage / 2 + 1;
    const before = target < log.first ? Math.min(end, log.first) : end;
    try {
      const found = await this.#unlessReplaced(opening, () => this.#around(target, before));
      if (found === undefined) return;
      if (this.#inRun(target)) return this.close();
      const has = found.some(({ seq }) => seq === target);
      this.#set(has ? this.#ready(target, found) : { ...opening, state: "absent" });
      this.#join();
    } catch {
      if (this.#window === opening) this.#set({ ...opening, state: "failed" });
    }
  }

  /** Shows these messages, which are no longer part of the run. */
  show(target: number, messages: readonly Message[]): void {
    if (messages.length > 0) this.#set(this.#ready(target, messages));
  }

  close(): void {
    this.#set(null);
  }

  /** Fetches the page before the first message. */
  older(): Promise<void> {
    return this.#extend("older", async ({ messages }) => {
      const [first] = messages;
      const page = first === undefined ? [] : await this.#before(first.seq, first.seq - 1);
      const continues = page.at(-1)?.seq === (first?.seq ?? 0) - 1;
      return continues ? [...page, ...messages].slice(0, mostInWindow) : messages;
    });
  }

  /** Fetches the page after the last message. */
  newer(): Promise<void> {
    return this.#extend("newer", async ({ messages }) => {
      const last = messages.at(-1)?.seq ?? 0;
      const page = await this.#after(last);
      return page[0]?.seq === last + 1 ? [...messages, ...page].slice(-mostInWindow) : messages;
    });
  }

  async #extend(end: "older" | "newer", fetch: (window: Window) => Promise<readonly Message[]>): Promise<void> {
    const before = this.#window;
    if (before?.state !== "ready" || (before[end] !== "some" && before[end] !== "failed")) return;
    if (before.older === "loading" || before.newer === "loading") return;
    const loading: Window = { ...before, [end]: "loading" };
    this.#set(loading);
    try {
      const messages = await this.#unlessReplaced(loading, () => fetch(before));
      if (messages === undefined) return;
      const grown = this.#ready(before.target, messages);
      this.#set(messages === before.messages ? { ...grown, [end]: "none" } : grown); // otherwise it would be asked for again and again
      this.#join();
    } catch {
      if (this.#window === loading) this.#set({ ...before, [end]: "failed" });
    }
  }

  /** Returns the result, or undefined if the window or the log was replaced meanwhile. */
  async #unlessReplaced<T>(window: Window, fetch: () => Promise<T>): Promise<T | undefined> {
    const { epoch } = this.#o.records;
    const result = await fetch();
    return this.#window === window && this.#o.records.epoch === epoch ? result : undefined;
  }

  /** Returns a page with the target, if there is one. A page that ends far behind it may be too large to begin before it. */
  async #around(target: number, before: number): Promise<readonly Message[]> {
    const page = await this.#before(before, target);
    return (page[0]?.seq ?? 0) > target ? this.#before(target + 1, target) : page;
  }

  /** Returns a page that ends before a number, from the device if that has the wanted one in it. */
  async #before(before: number, wanted: number): Promise<readonly Message[]> {
    const { room, api, records, mustBePresent } = this.#o;
    const here = await records.history(windowPage, before);
    if ((here[0]?.seq ?? Infinity) <= wanted) return here;
    const page = await api.page(room, windowPage, before);
    mustBePresent(page);
    return page.messages;
  }

  /** Returns the page after a number, up to the run. */
  async #after(last: number): Promise<readonly Message[]> {
    const { room, api, log, records, mustBePresent } = this.#o;
    const end = last + windowPage + 1;
    const before = last < log.first ? Math.min(end, log.first) : end;
    const here = await records.history(before - last - 1, before);
    if (here[0]?.seq === last + 1) return here;
    const page = await api.newer(room, windowPage, last);
    mustBePresent(page);
    return page.messages;
  }

  #inRun(seq: number): boolean {
    const { log } = this.#o;
    return log.first > 0 && seq >= log.first && seq <= log.last;
  }

  #ready(target: number, messages: readonly Message[]): Window {
    const older: More = (messages[0]?.seq ?? 0) > this.#o.log.oldest ? "some" : "none";
    return { target, messages, state: "ready", older, newer: "some" };
  }

  /** Makes the window a part of the run if they meet. */
  #join(): void {
    const { log, prepended } = this.#o;
    const messages = this.#window?.messages ?? [];
    if (this.#window?.state !== "ready" || (messages.at(-1)?.seq ?? -1) < log.first - 1) return;
    const { first } = log;
    log.prepend(messages);
    if (log.first < first) prepended(messages.filter(({ seq }) => seq < first));
    this.close();
  }

  #set(window: Window | null): void {
    if (window === this.#window) return;
    this.#window = window;
    this.#o.changed();
  }
}
