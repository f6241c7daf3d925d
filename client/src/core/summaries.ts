import type { Level } from "./joined";
import { timeOf, type Message, type Outgoing } from "./message";
import type { Room } from "./room";
import { isSame, Store, type Readable } from "./store";
import { frame, soon, Throttle } from "./throttle";

/** A room in the list of rooms. */
export interface Summary {
  readonly name: string;
  /** The newest message on this device, the client's own included; null if there is none. */
  readonly newest: Message | Outgoing | null;
  readonly unread: number;
  /** How many unread messages mention the client, of those that this device has seen: of a long absence those of the newest page. */
  readonly mentions: number;
  readonly draft: string;
  /** What the client wants to hear of the room. */
  readonly level: Level;
  /** Whether the connection reads the room. If it may not read more rooms, the server is asked for the numbers now and then. */
  readonly watched: boolean;
}

/** Returns what the list of rooms shows of a room itself. */
export function summaryOf(room: Room): Omit<Summary, "level" | "watched"> {
  const { messages, outgoing, last, read } = room.timeline.get();
  return {
    name: room.name,
    newest: outgoing.at(-1) ?? messages.at(-1) ?? null,
    unread: read < 0 ? 0 : Math.max(0, last - read),
    mentions: room.mentions,
    draft: room.draft.get(),
  };
}

/**
 * The list of rooms, sorted by their newest message, latest first. All changes of a frame are shown together. The list and the summaries in
 * it are the same objects as before if nothing has changed.
 */
export class Summaries {
  readonly list: Readable<readonly Summary[]>;
  readonly #list = new Store<readonly Summary[]>([]);
  readonly #of: (name: string) => Summary | undefined;
  readonly #shown = new Map<string, Summary>();
  readonly #stale = new Set<string>();
  readonly #updates = new Throttle(() => this.#update(), soon, frame);

  /** `of` returns the present summary of a room, undefined if the client has left it. */
  constructor(of: (name: string) => Summary | undefined) {
    this.#of = of;
    this.list = this.#list;
  }

  /** Notes that a room may have another summary than before. */
  change(name: string): void {
    this.#stale.add(name);
    this.#updates.request();
  }

  /** Shows all changes now. */
  now(): void {
    this.#updates.now();
  }

  close(): void {
    this.#updates.cancel();
  }

  #update(): void {
    const stale = [...this.#stale];
    this.#stale.clear();
    let [changed, moved] = [false, false];
    for (const name of stale) {
      const [before, now] = [this.#shown.get(name), this.#of(name)];
      if (before === now || (before !== undefined && now !== undefined && isSame(before, now))) continue;
      changed = true;
      moved ||= before === undefined || now === undefined || compare(before, now) !== 0;
      if (now === undefined) this.#shown.delete(name);
      else this.#shown.set(name, now);
    }
    if (!changed) return;
    this.#list.update((list) =>
      moved ? [...this.#shown.values()].sort(compare) : list.map((summary) => this.#shown.get(summary.name) ?? summary),
    );
  }
}

function compare(a: Summary, b: Summary): number {
  return ordered(timeIn(b), timeIn(a)) || ordered(a.name, b.name);
}

function ordered(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function timeIn({ newest }: Summary): string {
  return newest === null ? "" : timeOf(newest);
}
