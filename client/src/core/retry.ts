import { Emitter } from "./store";
import type { Connectivity } from "./device";

const shortest = 500;
const longest = 30_000;
/** The longest time of a timer. A timer with a longer time would fire at once. */
const limit = 2 ** 31 - 1;

/** Returns the wait before the next try, in milliseconds. It doubles with each failure in a row, up to 30 s, and is random in
 * its upper half, so that the clients of a server do not all come back at once. */
export function backoff(failures: number, random: () => number = Math.random): number {
  const most = Math.min(longest, shortest * 2 ** Math.min(failures, 10));
  return most / 2 + (most / 2) * random();
}

/** A source of wake events that never fires. */
export const never = { subscribe: () => () => undefined };

/** Waits for a time, which may be Infinity. A wake event or the end cuts the wait short. */
export function pause(
  milliseconds: number,
  connectivity: Pick<Connectivity, "subscribe">,
  end: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      unsubscribe();
      end.removeEventListener("abort", done);
      resolve();
    };
    const timer = milliseconds === Infinity ? undefined : setTimeout(done, Math.min(milliseconds, limit));
    const unsubscribe = connectivity.subscribe(done);
    end.addEventListener("abort", done);
    if (end.aborted) done();
  });
}

/** Returns the result of the work, but rejects as soon as end is aborted. The result is then ignored. */
export function unlessEnded<T>(work: Promise<T>, end: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Error("ended"));
    const removeListener = () => end.removeEventListener("abort", stop);
    end.addEventListener("abort", stop);
    if (end.aborted) stop();
    work.then(resolve, reject).then(removeListener, removeListener);
  });
}

/**
 * The waits between endless retries. The wait grows with each failure in a row. A wake event or a kick cuts it short, also if
 * it comes during the try.
 */
export class RetrySchedule {
  readonly #end: AbortSignal;
  readonly #random: (() => number) | undefined;
  readonly #wakes = new Emitter();
  #failures = 0;
  #kicked = false;
  #woken = false;

  constructor(connectivity: Connectivity, end: AbortSignal, random?: () => number) {
    this.#end = end;
    this.#random = random;
    end.addEventListener(
      "abort",
      connectivity.subscribe(() => this.#wake()),
    );
  }

  /** Reports a change after which the next try may succeed. */
  kick(): void {
    this.#kicked = true;
    this.#wake();
  }

  /** Marks the start of a try. */
  begin(): void {
    this.#kicked = false;
    this.#woken = false;
  }

  /** Resets the count of failures. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** Waits after a failure, at least as long as the server asks for. A wake event or a kick cuts the wait short. */
  async failed(least = 0): Promise<void> {
    if (this.#woken) this.#failures = 0;
    await pause(Math.max(backoff(this.#failures++, this.#random), least), this.#wakes, this.#end);
  }

  /** Waits for a wake event or a kick, without a time limit. */
  async hold(): Promise<void> {
    this.#failures = 0;
    if (!this.#kicked) await pause(Infinity, this.#wakes, this.#end);
  }

  #wake(): void {
    this.#woken = true;
    this.#wakes.emit();
  }
}
