import { Store } from "./store";
import type { Connectivity } from "./device";
import { Failure } from "./failure";
import type { Hub } from "./hub";
import { pause, RetrySchedule, unlessEnded } from "./retry";

/** The state of the connection between this device and the server. Each state has only the fields that exist in it. */
export type Link =
  | { readonly is: "connecting" }
  | { readonly is: "live" }
  | { readonly is: "away"; readonly since: Date; readonly why: "offline" | "unreachable" }
  | { readonly is: "elsewhere" } // other tabs have all connections that the browser allows
  | { readonly is: "refused"; readonly text: string } // until the user enters another token
  | { readonly is: "closed" };

export interface LinkerOptions {
  /** Opens a connection, or rejects, at the latest when end is aborted. It calls `waits` while other tabs have all connections. */
  readonly dial: (end: AbortSignal, waits: () => void) => Promise<Hub>;
  /** Called with each new connection. Resolves when it delivers messages. If it rejects, the connection is closed. */
  readonly live: (hub: Hub) => Promise<void>;
  /** Finds out why the connection failed: rejects with the Failure, or resolves if the server answers. */
  readonly diagnose: () => Promise<unknown>;
  readonly connectivity: Connectivity;
  readonly random?: () => number;
}

const probeTimeout = 5_000;
/** After this time a connection counts as stable, and the backoff starts again from its shortest wait. */
const stable = 10_000;

/** Keeps one connection to the hub. It opens another one when the connection ends, and never gives up. */
export class Linker {
  readonly link = new Store<Link>({ is: "connecting" });
  readonly #o: LinkerOptions;
  readonly #end = new AbortController();
  readonly #schedule: RetrySchedule;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LinkerOptions) {
    this.#o = options;
    this.#schedule = new RetrySchedule(options.connectivity, this.#end.signal, options.random);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Tries again now. This also ends the wait for another token after the server has refused one. */
  retry(): void {
    this.#schedule.kick();
  }

  /** Ends the connection for good. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const end = this.#end.signal;
    while (!end.aborted) {
      if (this.#isAsleep()) await this.#waking();
      if (end.aborted) break;
      this.#schedule.begin();
      const failure = await this.#connection();
      if (end.aborted) break;
      if (failure.trouble === "unauthenticated") {
        this.link.set({ is: "refused", text: failure.message });
        await this.#schedule.hold();
        this.link.set({ is: "connecting" });
      } else if (!this.#isAsleep()) {
        this.#away();
        await this.#schedule.failed(failure.wait);
      }
    }
    this.link.set({ is: "closed" });
  }

  /** Whether the app is in the background, where the system would cut the connection without a word. */
  #isAsleep(): boolean {
    return this.#o.connectivity.awake?.get() === false;
  }

  async #waking(): Promise<void> {
    this.link.set({ is: "connecting" });
    const { awake } = this.#o.connectivity;
    while (awake !== undefined && this.#isAsleep() && !this.#end.signal.aborted)
      await pause(Infinity, awake, this.#end.signal);
  }

  /** Opens a connection, waits for its end, and returns the reason. */
  async #connection(): Promise<Failure> {
    const end = this.#end.signal;
    try {
      const hub = await this.#o.dial(end, () => this.link.set({ is: "elsewhere" }));
      await (end.aborted ? hub.stop() : this.#watch(hub));
    } catch {
      // The hub's error does not help: a browser hides the status of a failed WebSocket.
    }
    const ended = new Failure("unreachable", "the connection has ended");
    if (end.aborted || this.#isAsleep()) return ended;
    this.#away();
    try {
      await unlessEnded(this.#o.diagnose(), end);
      return ended;
    } catch (error) {
      return Failure.of(error);
    }
  }

  /**
   * Waits for the end of a connection. After a wake event the server must answer a ping in time, otherwise the connection counts as
   * lost. What the device says about its network does not end a connection that answers.
   */
  async #watch(hub: Hub): Promise<void> {
    const { connectivity, live } = this.#o;
    const lost = new AbortController();
    const lose = () => lost.abort();
    const unsubscribe = connectivity.subscribe(() => void unlessAnswered(hub.ping(), lose));
    const unsubscribeAwake = connectivity.awake?.subscribe(() => {
      if (this.#isAsleep()) lose();
    });
    this.#end.signal.addEventListener("abort", lose);
    const began = Date.now();
    try {
      const read = live(hub).then(() => {
        if (!lost.signal.aborted) this.link.set({ is: "live" });
      });
      const failed = new Promise<never>((_, reject) => read.catch(reject));
      await unlessEnded(Promise.race([hub.closed, failed]), lost.signal);
    } finally {
      lose();
      unsubscribe();
      unsubscribeAwake?.();
      this.#end.signal.removeEventListener("abort", lose);
      if (Date.now() - began >= stable) this.#schedule.succeeded();
      void hub.stop();
    }
  }

  #away(): void {
    const why = this.#o.connectivity.online() ? "unreachable" : "offline";
    const link = this.link.get();
    if (link.is === "away" && link.why === why) return;
    this.link.set({ is: "away", since: link.is === "away" ? link.since : new Date(), why });
  }
}

/** Calls lose if no answer comes in time. After the device has slept, a dead connection looks alive. */
async function unlessAnswered(answer: Promise<void>, lose: () => void): Promise<void> {
  const timer = setTimeout(lose, probeTimeout);
  await answer;
  clearTimeout(timer);
}
