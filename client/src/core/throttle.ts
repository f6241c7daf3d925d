/** Calls a function later, once. The returned function cancels it. */
export type Schedule = (run: () => void) => () => void;

/** After a time in milliseconds. */
export function after(milliseconds: number): Schedule {
  return (run) => {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  };
}

/** At the end of the present task. */
export const soon: Schedule = (run) => {
  let cancelled = false;
  void Promise.resolve().then(() => !cancelled && run());
  return () => void (cancelled = true);
};

/** The longest time until the next frame, in milliseconds. A hidden page draws no frames, and a process without a screen has none. */
const longestFrame = 50;

/** With the next frame on the screen. */
export const frame: Schedule = (run) => {
  const cancel = () => {
    cancelTimer();
    if (request !== undefined) cancelAnimationFrame(request);
  };
  const once = () => {
    cancel();
    run();
  };
  const cancelTimer = after(longestFrame)(once);
  const request = typeof requestAnimationFrame === "function" ? requestAnimationFrame(once) : undefined;
  return cancel;
};

/**
 * Runs a function when it is asked for, but not again before a pause is over. What is asked for during the pause is done once at its end.
 * It needs no clock, so it works although the clock is changed.
 */
export class Throttle {
  readonly #run: () => void;
  readonly #begin: Schedule;
  readonly #pause: Schedule;
  #state: "idle" | "due" | "pausing" | "due after the pause" = "idle";
  #cancel: () => void = () => undefined;

  constructor(run: () => void, begin: Schedule, pause: Schedule) {
    this.#run = run;
    this.#begin = begin;
    this.#pause = pause;
  }

  request(): void {
    if (this.#state === "pausing") this.#state = "due after the pause";
    if (this.#state !== "idle") return;
    this.#state = "due";
    this.#cancel = this.#begin(() => this.now());
  }

  /** Runs now, and begins a pause. */
  now(): void {
    this.#cancel();
    this.#state = "pausing";
    this.#cancel = this.#pause(() => {
      const due = this.#state === "due after the pause";
      this.#state = "idle";
      if (due) this.now();
    });
    this.#run();
  }

  /** Forgets what is due. */
  cancel(): void {
    this.#cancel();
    this.#state = "idle";
  }
}
