import { Bell } from "./cell";
import type { Wake } from "./device";

const shortest = 500;
const longest = 30_000;
/** The longest time of a timer; one of a longer time fires at once. */
const limit = 2 ** 31 - 1;

/** How long to wait before the next try after so many failures in a row, in milliseconds: doubled each time, up to 30 s, and
 * spread at random over its upper half, so that the clients of a server do not all come back at once. */
export function backoff(failures: number, random: () => number = Math.random): number {
  const most = Math.min(longest, shortest * 2 ** Math.min(failures, 10));
  return most / 2 + (most / 2) * random();
}

/** Waits for a time, which may be Infinity, but not beyond a wake-up or the end. */
export function pause(milliseconds: number, wake: Pick<Wake, "subscribe">, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      unsubscribe();
      end.removeEventListener("abort", done);
      resolve();
    };
    const timer = milliseconds === Infinity ? undefined : setTimeout(done, Math.min(milliseconds, limit));
    const unsubscribe = wake.subscribe(done);
    end.addEventListener("abort", done);
    if (end.aborted) done();
  });
}

/** What the work comes to; it rejects as soon as the end comes, and what becomes of the work then is nobody's concern. */
export function unlessEnded<T>(work: Promise<T>, end: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Error("ended"));
    const settled = () => end.removeEventListener("abort", stop);
    end.addEventListener("abort", stop);
    if (end.aborted) stop();
    work.then(resolve, reject).then(settled, settled);
  });
}

/**
 * The pace of tries that never end: after each failure in a row the wait is longer. A good moment cuts it short, also when it
 * comes while the try is still under way.
 */
export class Pace {
  readonly #end: AbortSignal;
  readonly #random: (() => number) | undefined;
  readonly #moments = new Bell();
  #failures = 0;
  #kicked = false;
  #woken = false;

  constructor(wake: Wake, end: AbortSignal, random?: () => number) {
    this.#end = end;
    this.#random = random;
    end.addEventListener("abort", wake.subscribe(() => this.#wake()));
  }

  /** Says that something has changed: the next try may succeed. */
  kick(): void {
    this.#kicked = true;
    this.#wake();
  }

  /** A try begins. */
  begin(): void {
    this.#kicked = false;
    this.#woken = false;
  }

  /** What fails next is a new trouble. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** Waits after a failure, no shorter than the server asks for, but not beyond the next good moment. */
  async failed(least = 0): Promise<void> {
    if (this.#woken) this.#failures = 0;
    await pause(Math.max(backoff(this.#failures++, this.#random), least), this.#moments, this.#end);
  }

  /** Waits for a good moment, however long, where time alone does not help. */
  async hold(): Promise<void> {
    this.#failures = 0;
    if (!this.#kicked) await pause(Infinity, this.#moments, this.#end);
  }

  #wake(): void {
    this.#woken = true;
    this.#moments.ring();
  }
}
