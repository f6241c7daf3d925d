/** Calls the listener at each event. The returned function ends the subscription. */
export type Subscribe = (listener: () => void) => () => void;

/** A value that can be read and watched, in the form that React's useSyncExternalStore takes. */
export interface Readable<T> {
  readonly get: () => T;
  /** Calls changed after each change. The returned function ends the subscription. */
  readonly subscribe: (changed: () => void) => () => void;
}

/** Notifies its subscribers, with a value if it has one. */
export class Emitter<T = void> {
  readonly #listeners = new Set<{ readonly listener: (value: T) => void }>();

  readonly subscribe = (listener: (value: T) => void): (() => void) => {
    const entry = { listener };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  };

  emit(value: T): void {
    for (const { listener } of [...this.#listeners]) listener(value);
  }
}

/** Returns the events of all sources. */
export function anyOf(...sources: readonly { readonly subscribe: Subscribe }[]): { readonly subscribe: Subscribe } {
  return {
    subscribe(listener) {
      const ends = sources.map((source) => source.subscribe(listener));
      return () => ends.forEach((end) => end());
    },
  };
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

/** Whether two objects of a type have the same values. Each must be an object literal of the type, so that it has no other keys. */
export function isSame<T extends object>(a: T, b: T): boolean {
  const keys = Object.keys(b) as (keyof T)[];
  return keys.every((key) => a[key] === b[key]);
}
