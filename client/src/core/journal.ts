import type { Circuit } from "./circuit";
import { Store, type Readable } from "./store";
import { backoff } from "./retry";

interface Entry {
  readonly run: () => Promise<void>;
  failed: boolean;
}

/** The waits between tries to write what could not be written are this many times those of backoff. */
const slower = 10;

/**
 * The last change of each key that the device has not taken yet. Those that it has refused, or has not answered, are tried again:
 * when it answers again, when it has taken another change, and now and then.
 */
export class Journal {
  /** Whether the device has taken every change. */
  readonly complete: Readable<boolean>;
  readonly #complete = new Store(true);
  readonly #circuit: Circuit;
  readonly #patient: boolean;
  readonly #entries = new Map<string, Entry>();
  #again: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #writing = false;
  #ended = false;

  /** `patient`: whether failed changes are also tried again now and then, until the end. */
  constructor(circuit: Circuit, patient: boolean) {
    this.#patient = patient;
    this.complete = this.#complete;
    this.#circuit = circuit;
    circuit.answers.subscribe(() => {
      if (circuit.answers.get()) void this.#writeAgain();
    });
    circuit.rested.subscribe(() => void this.#writeAgain());
  }

  /** Makes a change. An earlier one of the same key that has failed is not tried again. */
  async write(key: string, run: () => Promise<void>): Promise<void> {
    const entry: Entry = { run, failed: false };
    this.#entries.set(key, entry); // at the position of an earlier one, because the order of the outbox depends on it
    try {
      await run();
    } catch (error) {
      this.#fail(key, entry);
      throw error;
    }
    this.#done(key, entry);
    void this.#writeAgain();
  }

  /** Adds a change that could not be made, to be tried again. */
  owe(key: string, run: () => Promise<void>): void {
    const entry: Entry = { run, failed: false };
    this.#entries.set(key, entry);
    this.#fail(key, entry);
  }

  /** Gives up the change of a key. */
  forget(key: string): void {
    this.#entries.delete(key);
    this.#update();
  }

  /** Gives up all changes. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#again);
    this.#entries.clear();
  }

  #done(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    this.#failures = 0;
    this.#update();
  }

  #fail(key: string, entry: Entry): void {
    if (this.#entries.get(key) !== entry) return; // a later change has replaced it
    entry.failed = true;
    this.#update();
    this.#later();
  }

  #update(): void {
    this.#complete.set(![...this.#entries.values()].some(({ failed }) => failed));
  }

  #later(): void {
    if (!this.#patient || this.#ended || !this.#circuit.answers.get()) return; // the circuit tells when it can be tried again
    this.#again ??= setTimeout(
      () => {
        this.#again = undefined;
        void this.#writeAgain();
      },
      slower * backoff(this.#failures++),
    );
  }

  /** Tries the failed changes again, in their order. */
  async #writeAgain(): Promise<void> {
    if (this.#writing || this.#ended) return;
    this.#writing = true;
    for (const [key, entry] of [...this.#entries]) {
      if (!entry.failed || this.#entries.get(key) !== entry) continue;
      try {
        await entry.run();
        this.#done(key, entry);
      } catch {
        this.#later();
        if (!this.#circuit.answers.get()) break;
      }
    }
    this.#writing = false;
  }
}
