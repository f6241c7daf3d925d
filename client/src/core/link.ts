import { Cell } from "./cell";
import type { Wake } from "./device";
import { Failure } from "./failure";
import type { Hub } from "./hub";
import { Pace, unlessEnded } from "./retry";

/** How it stands between this device and the server: what cannot be done in a state is not in its type. */
export type Link =
  | { readonly is: "connecting" }
  | { readonly is: "live" }
  | { readonly is: "away"; readonly since: Date; readonly why: "offline" | "unreachable" }
  | { readonly is: "refused"; readonly text: string } // until there is another token
  | { readonly is: "closed" };

export interface LinkerOptions {
  /** Opens a connection, or rejects, at the latest when the end comes. */
  readonly dial: (end: AbortSignal) => Promise<Hub>;
  /** Is called with each new connection; resolves when messages come over it. When it rejects, the connection is given up. */
  readonly live: (hub: Hub) => Promise<void>;
  /** Finds out why there is no connection: it rejects with the Failure, or resolves when the server answers. */
  readonly diagnose: () => Promise<unknown>;
  readonly wake: Wake;
  readonly random?: () => number;
}

const probeTimeout = 5_000;
/** A connection that has lived this long counts as good: what follows is a new trouble. */
const stable = 10_000;

/** Keeps one connection to the hub, for ever: it opens another one whenever there is none, and never gives up. */
export class Linker {
  readonly link = new Cell<Link>({ is: "connecting" });
  readonly #o: LinkerOptions;
  readonly #end = new AbortController();
  readonly #pace: Pace;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LinkerOptions) {
    this.#o = options;
    this.#pace = new Pace(options.wake, this.#end.signal, options.random);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Tries again now; also after the server has refused the token, when there is another one. */
  retry(): void {
    this.#pace.kick();
  }

  /** Ends the connection for good. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const end = this.#end.signal;
    while (!end.aborted) {
      this.#pace.begin();
      const failure = await this.#connection();
      if (end.aborted) break;
      if (failure.trouble === "unauthenticated") {
        this.link.set({ is: "refused", text: failure.message });
        await this.#pace.hold();
        this.link.set({ is: "connecting" });
      } else {
        this.#away();
        await this.#pace.failed(failure.wait);
      }
    }
    this.link.set({ is: "closed" });
  }

  /** Opens a connection, waits for its end, and returns the reason. */
  async #connection(): Promise<Failure> {
    const end = this.#end.signal;
    try {
      const hub = await this.#o.dial(end);
      await (end.aborted ? hub.stop() : this.#attend(hub));
    } catch {
      // What the hub says about it is no help: a browser hides the status of a failed WebSocket.
    }
    const ended = new Failure("unreachable", "the connection has ended");
    if (end.aborted) return ended;
    this.#away();
    try {
      await unlessEnded(this.#o.diagnose(), end);
      return ended;
    } catch (error) {
      return Failure.of(error);
    }
  }

  /** Is there for a connection while it lives. It is given up for lost, whatever the hub says, when no answer comes. */
  async #attend(hub: Hub): Promise<void> {
    const { wake, live } = this.#o;
    const lost = new AbortController();
    const lose = () => lost.abort();
    const unsubscribe = wake.subscribe(() => (wake.online() ? void unlessAnswered(hub.ping(), lose) : lose()));
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
      this.#end.signal.removeEventListener("abort", lose);
      if (Date.now() - began >= stable) this.#pace.succeeded();
      void hub.stop();
    }
  }

  #away(): void {
    const why = this.#o.wake.online() ? "unreachable" : "offline";
    const link = this.link.get();
    if (link.is === "away" && link.why === why) return;
    this.link.set({ is: "away", since: link.is === "away" ? link.since : new Date(), why });
  }
}

/** Calls lose unless there is an answer soon: after a sleep a dead connection looks alive. */
async function unlessAnswered(answer: Promise<void>, lose: () => void): Promise<void> {
  const timer = setTimeout(lose, probeTimeout);
  await answer;
  clearTimeout(timer);
}
