import type { Connectivity } from "./device";
import { Failure } from "./failure";
import type { Hub } from "./hub";
import { backoff, pause } from "./retry";
import type { Room } from "./room";
import { after } from "./throttle";

/** How many rooms are caught up at the same time. */
const inFlight = 8;
/** How often a room takes another one's place in vain. */
const mostSwaps = 3;
/** How long the other rooms wait for the one that the user looks at, in milliseconds. */
const headStart = 2_000;

export interface WatcherOptions {
  readonly rooms: ReadonlyMap<string, Room>;
  /** The names of the rooms in the order in which they are caught up. */
  readonly order: () => readonly string[];
  readonly connectivity: Connectivity;
  /** Called when a room could not be caught up. It is tried again. */
  readonly failed: (failure: Failure) => void;
  /** Called when a room begins or ceases to be watched. */
  readonly changed: (name: string) => void;
}

/** Waits until something may be tried again. */
type Wait = () => Promise<void>;

/** One connection, and what is read over it. */
interface Reading {
  readonly hub: Hub;
  readonly end: AbortSignal;
  /** The rooms to catch up, the next one first. */
  readonly queue: string[];
  /** The rooms that are being caught up. */
  readonly busy: Set<string>;
  /** The rooms that the server delivers. */
  readonly joined: Set<string>;
  readonly failures: Map<string, number>;
  /** Whether the server does not let the connection read more rooms. */
  full: boolean;
  /** Whether only the first room is caught up for now. */
  alone: boolean;
  /** Called when a room can be read. */
  readonly ready: () => void;
}

/**
 * Chooses which rooms a connection reads: the one that the user looks at first and alone, then the others a few at a time. If the server
 * limits their number, the room that is looked at takes the place of the one that was looked at least recently. The rooms beyond the limit
 * are not watched.
 */
export class Watcher {
  readonly #o: WatcherOptions;
  #reading: Reading | undefined;
  #first: string | undefined;
  readonly #beyond = new Set<string>();
  /** Rooms beyond the limit that must be joined once, because their logs are others than before. */
  readonly #demanded = new Set<string>();
  /** When each room was looked at last, as a count. */
  readonly #looks = new Map<string, number>();
  #look = 0;

  constructor(options: WatcherOptions) {
    this.#o = options;
  }

  /** The rooms that are beyond the limit. */
  get beyond(): readonly string[] {
    return this.#o.order().filter((name) => this.#beyond.has(name));
  }

  isWatched(name: string): boolean {
    return !this.#beyond.has(name);
  }

  /** Ends the present connection. */
  stop(): void {
    void this.#reading?.hub.stop();
  }

  /** Reads all rooms over a new connection. Resolves when one room is read, because others may fail. */
  async live(hub: Hub): Promise<void> {
    const end = new AbortController();
    void hub.closed.then(() => end.abort());
    const first = this.#first !== undefined && this.#o.rooms.has(this.#first) ? [this.#first] : [];
    const queue = [...new Set([...first, ...this.#o.order()])];
    if (queue.length === 0) return void (this.#reading = readingOf(hub, end.signal, queue, () => undefined));
    await new Promise<void>((ready) => {
      const reading = readingOf(hub, end.signal, queue, ready);
      this.#reading = reading;
      reading.alone = first.length > 0;
      if (reading.alone) this.#endHeadStart(reading);
      this.#pump(reading);
    });
  }

  /** Sets the room that the user looks at. */
  prefer(name: string | undefined): void {
    this.#first = name;
    if (name !== undefined) this.looked(name);
  }

  /** Somebody looks at a room. If it is not read yet, it is the next one. */
  looked(name: string): void {
    this.#looks.set(name, ++this.#look);
    const room = this.#o.rooms.get(name);
    if (room === undefined) return;
    const waits = this.#beyond.has(name) || this.#reading?.queue.includes(name) === true;
    if (waits || !room.compared) this.again(name);
  }

  /** Joins a room even if it is beyond the limit. */
  demand(name: string): void {
    this.#demanded.add(name);
    this.again(name);
  }

  /** Reads a room next: it is new, or the server has said that it must be read again. */
  again(name: string): void {
    const reading = this.#reading;
    if (reading === undefined) return;
    unqueue(reading, name);
    reading.queue.unshift(name);
    this.#pump(reading);
  }

  /** Stops reading a room. One beyond the limit takes its place. Refused rooms are tried again, because the client's rights may be others. */
  async leave(name: string): Promise<void> {
    const reading = this.#reading;
    this.#beyond.delete(name);
    if (reading === undefined) return;
    unqueue(reading, name);
    reading.joined.delete(name);
    await reading.hub.leave(name).catch(() => undefined); // on failure its messages are ignored
    reading.full = false;
    const refused = [...this.#o.rooms.values()].filter((room) => room.timeline.get().refused !== null);
    reading.queue.push(...refused.map((room) => room.name), ...this.beyond.slice(0, 1));
    this.#pump(reading);
  }

  /** Begins to catch up as many rooms as may be caught up at the same time. */
  #pump(reading: Reading): void {
    while (this.#isPresent(reading) && reading.busy.size < (reading.alone ? 1 : inFlight)) {
      const at = reading.queue.findIndex((name) => !reading.busy.has(name));
      const [name] = at < 0 ? [] : reading.queue.splice(at, 1);
      if (name === undefined) return;
      reading.busy.add(name);
      void this.#read(reading, name).then((wait) => {
        reading.alone = false;
        reading.busy.delete(name);
        void wait?.().then(() => this.#isPresent(reading) && this.again(name));
        this.#pump(reading);
      });
    }
  }

  /** Catches a room up. Returns a wait, after which it must be tried again. */
  async #read(reading: Reading, name: string): Promise<Wait | undefined> {
    const room = this.#o.rooms.get(name);
    if (room === undefined) return undefined;
    const wasFull = reading.full && !reading.joined.has(name);
    const mustWatch = this.#demanded.has(name) || this.#isLookedAt(room);
    if (wasFull && !(mustWatch && (await this.#makePlace(reading)))) return void this.#setBeyond(name, true);
    const failure = await room.sync(reading.hub).then(() => undefined, Failure.of);
    if (!this.#isPresent(reading)) return undefined;
    if (failure === undefined) return this.#succeeded(reading, room);
    this.#o.failed(failure);
    const failures = reading.failures.get(name) ?? 0;
    reading.failures.set(name, failures + 1);
    if (failure.code === "too_many") return this.#isFull(reading, name, wasFull, mustWatch, failures);
    return this.#failed(reading, failure, failures);
  }

  #isFull(reading: Reading, name: string, wasFull: boolean, mustWatch: boolean, failures: number): Wait | undefined {
    reading.full = true;
    reading.ready();
    if (mustWatch && !wasFull) return () => Promise.resolve(); // the next try takes another room's place
    this.#setBeyond(name, true);
    if (!mustWatch || failures >= mostSwaps) return undefined; // the server limits the rooms of all connections together
    return () => pause(backoff(failures), this.#o.connectivity, reading.end);
  }

  async #failed(reading: Reading, failure: Failure, failures: number): Promise<Wait | undefined> {
    if (failure.trouble === "unauthenticated") return void reading.hub.stop(); // the linker then asks why
    const wait = () => pause(Math.max(backoff(failures), failure.wait), this.#o.connectivity, reading.end);
    if (failure.code !== "rate_limited") return wait;
    await wait(); // meanwhile no other room takes its turn
    return () => Promise.resolve();
  }

  #succeeded(reading: Reading, room: Room): undefined {
    reading.failures.delete(room.name);
    this.#demanded.delete(room.name);
    if (room.timeline.get().refused === null) reading.joined.add(room.name);
    this.#setBeyond(room.name, false);
    reading.ready();
  }

  /** Leaves the room that was looked at least recently. Returns whether there was one. */
  async #makePlace(reading: Reading): Promise<boolean> {
    const order = this.#o.order();
    const found = order
      .filter((name) => reading.joined.has(name) && !reading.busy.has(name))
      .map((name, i) => ({ name, look: this.#looks.get(name) ?? -i }))
      .filter(({ name }) => !this.#isLookedAt(this.#o.rooms.get(name)));
    const [least] = found.sort((a, b) => a.look - b.look);
    if (least === undefined) return false;
    reading.joined.delete(least.name);
    this.#o.rooms.get(least.name)?.detach();
    this.#setBeyond(least.name, true);
    await reading.hub.leave(least.name).catch(() => undefined); // on failure the next join is refused, too
    return true;
  }

  #isLookedAt(room: Room | undefined): boolean {
    return room !== undefined && (room.name === this.#first || room.timeline.get().open);
  }

  #setBeyond(name: string, beyond: boolean): void {
    if (beyond === this.#beyond.has(name)) return;
    if (beyond) this.#beyond.add(name);
    else this.#beyond.delete(name);
    this.#o.changed(name);
  }

  #isPresent(reading: Reading): boolean {
    return this.#reading === reading && !reading.end.aborted;
  }

  /** Lets the other rooms begin if the first one takes long. */
  #endHeadStart(reading: Reading): void {
    const cancel = after(headStart)(() => {
      reading.alone = false;
      this.#pump(reading);
    });
    reading.end.addEventListener("abort", cancel);
  }
}

function unqueue({ queue }: Reading, name: string): void {
  const at = queue.indexOf(name);
  if (at >= 0) queue.splice(at, 1);
}

function readingOf(hub: Hub, end: AbortSignal, queue: string[], ready: () => void): Reading {
  const common = { busy: new Set<string>(), joined: new Set<string>(), failures: new Map<string, number>() };
  return { hub, end, queue, ready, full: false, alone: false, ...common };
}
