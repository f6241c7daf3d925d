/** Calls the listener at each event. The returned function ends the subscription. */
export type Subscribe = (listener: () => void) => () => void;

/** A value that can be read and watched, in the form that React's useSyncExternalStore takes. */
export interface Readable<T> {
  readonly get: () => T;
  /** Calls changed after each change. The returned function ends the subscription. */
  readonly subscribe: (changed: () => void) => () => void;
}

/** Notifies its subscribers. */
export class Emitter {
  readonly #listeners = new Set<{ readonly listener: () => void }>();

  readonly subscribe = (listener: () => void): (() => void) => {
    const entry = { listener };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  };

  emit(): void {
    for (const { listener } of [...this.#listeners]) listener();
  }
}

/** A Readable that its owner sets. */
export class Store<T> implements Readable<T> {
  #value: T;
  readonly #changed = new Emitter();

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  readonly subscribe = this.#changed.subscribe;

  /** Does nothing if the value is the same. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    this.#changed.emit();
  }

  update(change: (value: T) => T): void {
    this.set(change(this.#value));
  }
}
