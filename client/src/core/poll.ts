import type { Api, Entry } from "./api";
import type { Connectivity } from "./device";
import { Failure } from "./failure";
import { backoff, never, pause } from "./retry";
import type { Room } from "./room";
import { Emitter } from "./store";

/** The time between two rounds while the app is visible, and while it is hidden, in milliseconds. */
const interval = 30_000;
const hiddenInterval = 120_000;
/** The longest list of names in one request, in characters, because proxies limit addresses, and the most names. */
const longestList = 6_000;
const mostNames = 200;
/** How long rooms are gathered for the first round, in milliseconds. */
const gathering = 1_000;
/** How many rooms' newest messages are fetched at the same time. */
const inFlight = 4;

export interface PollOptions {
  readonly api: Pick<Api, "named">;
  readonly connectivity: Connectivity;
  /** The rooms that the connection does not read, the most important first. */
  readonly rooms: () => readonly Room[];
  /** Whether the app is connected. Otherwise it asks nothing. */
  readonly connected: () => boolean;
  /** Called with a room whose log has changed in a way that only a join can repair. */
  readonly join: (room: Room) => void;
  /** Called when the server cannot find rooms by name, because it is of an earlier version. Each room is then asked for by itself. */
  readonly outdated: () => void;
  readonly random?: () => number;
}

/** Asks the server for the numbers of the rooms that the connection does not read, and fetches the newest messages of those that have changed. */
export class Poll {
  readonly #o: PollOptions;
  readonly #end = new AbortController();
  /** Fires when there are more rooms to ask for. */
  readonly #more = new Emitter();

  constructor(options: PollOptions) {
    this.#o = options;
    void this.#run();
  }

  /** More rooms are to be asked for. */
  kick(): void {
    this.#more.emit();
  }

  close(): void {
    this.#end.abort();
  }

  async #run(): Promise<void> {
    const end = this.#end.signal;
    const { random = Math.random, connectivity } = this.#o;
    let failures = 0;
    while (!end.aborted) {
      const rooms = this.#o.connected() ? this.#o.rooms() : [];
      if (rooms.length === 0) {
        await pause(Infinity, this.#more, end);
        await pause(gathering, never, end);
        continue;
      }
      const failure = await this.#round(rooms).then(() => undefined, Failure.of);
      failures = failure === undefined ? 0 : failures + 1;
      const usual = (isVisible() ? interval : hiddenInterval) * (0.8 + 0.4 * random());
      if (failure === undefined) await pause(usual, connectivity, end);
      else await pause(Math.max(usual, backoff(failures, random) * failures, failure.wait), never, end);
    }
  }

  async #round(rooms: readonly Room[]): Promise<void> {
    const changed: Room[] = [];
    for (const part of partsOf(rooms)) {
      const { rooms: entries, epoch, known } = await this.#o.api.named(part.map((room) => room.name));
      if (!known) this.#o.outdated();
      const byName = new Map(entries.map((entry) => [entry.name, entry]));
      for (const room of part) if (this.#note(room, byName.get(room.name), epoch, known)) changed.push(room);
    }
    const next = async () => {
      for (let room = changed.shift(); room !== undefined && !this.#end.signal.aborted; room = changed.shift())
        if (!(await room.peek().catch(unlessFinal))) this.#o.join(room);
    };
    await Promise.all(Array.from({ length: inFlight }, next));
  }

  /** Notes a room's numbers. Returns whether its newest messages must be fetched. */
  #note(room: Room, entry: Entry | undefined, epoch: string | undefined, known: boolean): boolean {
    if (entry === undefined && !known) return true;
    if (room.told(entry?.last_seq ?? 0, epoch)) return room.timeline.get().last > (room.newest?.seq ?? 0);
    this.#o.join(room);
    return false;
  }
}

/** A room that must not be read is joined: the answer to that is shown. Every other failure ends the round. */
function unlessFinal(error: unknown): false {
  if (Failure.of(error).trouble === "rejected") return false;
  throw error;
}

/** Cuts a list of rooms into parts that fit into one request. */
function partsOf(rooms: readonly Room[]): readonly (readonly Room[])[] {
  const parts: Room[][] = [];
  let size = Infinity;
  for (const room of rooms) {
    size += room.name.length + "&name=".length;
    const part = parts.at(-1);
    if (part !== undefined && size <= longestList && part.length < mostNames) part.push(room);
    else {
      parts.push([room]);
      size = room.name.length;
    }
  }
  return parts;
}

function isVisible(): boolean {
  return typeof document === "undefined" || document.visibilityState === "visible";
}
