import type { Connectivity } from "./device";
import type { Failure } from "./failure";
import { isUnsent, type Outgoing, type Unsent } from "./message";
import { pause, RetrySchedule } from "./retry";
import { Emitter } from "./store";

/** How many messages are posted at the same time while this tab is connected, each of another room. */
const atOnce = 4;
/** After this many refusals in a row the app shows why a message waits, and lets the user discard it. */
const refusalsBeforeReason = 3;

export interface QueuesOptions {
  readonly connectivity: Connectivity;
  readonly connected: () => boolean;
  readonly random: (() => number) | undefined;
  /** Returns the messages that may be sent now: the first unsent one of each room, unless it is being stored. */
  readonly ready: () => readonly Unsent[];
  /** Sends one message. Resolves with the failure after which it must be tried again. Never rejects. */
  readonly send: (message: Unsent) => Promise<Failure | undefined>;
  /** Called after a failure. If it is explained, the user is shown why the message waits. */
  readonly failed: (message: Unsent, failure: Failure, explained: boolean) => void;
}

interface RoomQueue {
  readonly schedule: RetrySchedule;
  readonly close: () => void;
  /** Whether a message is being sent, or the queue waits for its next try. */
  busy: boolean;
  /** The first message, and how often it was refused while the server could be reached. */
  head: string;
  refusals: number;
  /** The number of the queue's last turn. */
  turn: number;
}

/**
 * The order in which unsent messages are sent. Those of one room are a queue: they go one after the other, in the order in which they
 * were written. Rooms do not wait for each other, but only a few post at the same time, the one that has waited longest first. If the
 * server cannot be reached at all, one queue tries for all of them.
 */
export class Queues {
  readonly #o: QueuesOptions;
  readonly #end: AbortSignal;
  /** The schedule of the failures that concern all rooms. */
  readonly #shared: RetrySchedule;
  readonly #queues = new Map<string, RoomQueue>();
  readonly #work = new Emitter();
  #posting = 0;
  /** How many queues wait for something that concerns all of them. */
  #held = 0;
  #turns = 0;

  constructor(options: QueuesOptions, end: AbortSignal) {
    this.#o = options;
    this.#end = end;
    this.#shared = new RetrySchedule(options.connectivity, end, options.random);
  }

  /** Sends until the end. */
  async run(): Promise<void> {
    while (!this.#end.aborted) {
      const next = this.#next();
      if (next === undefined) await pause(Infinity, this.#work, this.#end);
      else void this.#take(this.#queueOf(next), next);
    }
    for (const queue of this.#queues.values()) queue.close();
  }

  /** Reports that a message may be ready. */
  wake(): void {
    this.#work.emit();
  }

  /** Lets a room try again now, or all rooms. This also ends the wait for another token. */
  kick(room?: string): void {
    if (room === undefined || this.#held > 0) this.#shared.kick(); // its message may be the one for which all wait
    for (const [name, queue] of this.#queues) if (room === undefined || room === name) queue.schedule.kick();
    this.#work.emit();
  }

  /** Returns the message whose room has waited longest for its turn. */
  #next(): Unsent | undefined {
    const ready = this.#o.ready();
    this.#closeIdle(new Set(ready.map(({ room }) => room)));
    if (this.#held > 0 || this.#posting >= (this.#o.connected() ? atOnce : 1)) return undefined;
    const turnOf = ({ room }: Unsent) => this.#queues.get(room)?.turn ?? 0;
    return ready
      .filter(({ room }) => this.#queues.get(room)?.busy !== true)
      .reduce<Unsent | undefined>((best, m) => (best === undefined || turnOf(m) < turnOf(best) ? m : best), undefined);
  }

  async #take(queue: RoomQueue, next: Unsent): Promise<void> {
    queue.busy = true;
    queue.turn = ++this.#turns;
    if (queue.head !== next.id) Object.assign(queue, { head: next.id, refusals: 0 });
    for (const schedule of [queue.schedule, this.#shared]) schedule.begin();
    this.#posting++;
    const failure = await this.#o.send(next);
    this.#posting--;
    this.#work.emit();
    if (failure === undefined) for (const schedule of [queue.schedule, this.#shared]) schedule.succeeded();
    else await this.#rest(queue, next, failure);
    queue.busy = false;
    this.#work.emit();
  }

  /** Waits until the message may be tried again. */
  async #rest(queue: RoomQueue, next: Unsent, failure: Failure): Promise<void> {
    const { trouble, wait } = failure;
    const reached = trouble !== "unreachable" || this.#o.connected();
    if (reached) queue.refusals++;
    this.#o.failed(next, failure, queue.refusals >= refusalsBeforeReason);
    if (reached && trouble !== "unauthenticated") return queue.schedule.failed(wait);
    this.#held++;
    await (reached ? this.#shared.hold() : this.#shared.failed(wait));
    this.#held--;
  }

  #queueOf({ room }: Unsent): RoomQueue {
    const known = this.#queues.get(room);
    if (known !== undefined) return known;
    const end = new AbortController();
    const schedule = new RetrySchedule(this.#o.connectivity, end.signal, this.#o.random);
    const queue = { schedule, close: () => end.abort(), busy: false, head: "", refusals: 0, turn: 0 };
    this.#queues.set(room, queue);
    return queue;
  }

  #closeIdle(ready: ReadonlySet<string>): void {
    for (const [room, queue] of this.#queues) {
      if (queue.busy || ready.has(room)) continue;
      queue.close();
      this.#queues.delete(room);
    }
  }
}

/** Returns the first unsent message of each room, in the order of writing. */
export function headsOf(outgoing: readonly Outgoing[]): readonly Unsent[] {
  const rooms = new Set<string>();
  return outgoing.filter((m): m is Unsent => isUnsent(m) && !rooms.has(m.room) && rooms.add(m.room) !== undefined);
}
