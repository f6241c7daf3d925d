import { Emitter, Store, type Readable } from "./store";

/** How long a call of the device may take, in milliseconds. Some browsers never answer, and a frozen tab can block another. */
export const patience = 5_000;
/** How long a device that does not answer is left alone before it is tried again, in milliseconds. */
export const rest = 20_000;

/** The error of a call that was not answered in time, or not made because an earlier one was not answered. */
export class Unanswered extends Error {
  constructor() {
    super("this device does not answer");
    this.name = "Unanswered";
  }
}

/**
 * Calls of something that may never answer. A call that takes too long rejects, and after it all others reject at once, so that they
 * do not wait as long. It is found to answer again when a late answer comes, or when a call that is let through now and then
 * succeeds.
 */
export class Circuit {
  readonly answers: Readable<boolean>;
  readonly #answers = new Store(true);
  /** Fires when the next call is let through. */
  readonly rested = new Emitter();
  #mayProbe = false;
  #resting: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor() {
    this.answers = this.#answers;
  }

  async call<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#answers.get() && !this.#mayProbe) throw new Unanswered();
    this.#mayProbe = false;
    const answer = work();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#open();
        reject(new Unanswered());
      }, patience);
      const settled = () => {
        clearTimeout(timer);
        this.#close();
      };
      answer.then(resolve, reject).then(settled, settled);
    });
  }

  /** Ends the timer. Calls go on as before. */
  end(): void {
    this.#closed = true;
    clearTimeout(this.#resting);
  }

  /** Lets no calls through for a while. */
  #open(): void {
    this.#answers.set(false);
    clearTimeout(this.#resting);
    if (this.#closed) return;
    this.#resting = setTimeout(() => {
      this.#mayProbe = true;
      this.rested.emit();
    }, rest);
  }

  /** Also a failure is an answer. */
  #close(): void {
    clearTimeout(this.#resting);
    this.#mayProbe = false;
    this.#answers.set(true);
  }
}
