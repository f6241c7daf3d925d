/** A value that can be read now and watched: what React's useSyncExternalStore takes. */
export interface Readable<T> {
  readonly get: () => T;
  /** Calls changed after each change, until the function that it returns is called. */
  readonly subscribe: (changed: () => void) => () => void;
}

/** Calls those who listen. */
export class Bell {
  readonly #ears = new Set<{ readonly rung: () => void }>();

  readonly subscribe = (rung: () => void): (() => void) => {
    const ear = { rung };
    this.#ears.add(ear);
    return () => void this.#ears.delete(ear);
  };

  ring(): void {
    for (const { rung } of [...this.#ears]) rung();
  }
}

/** A Readable that its owner sets. */
export class Cell<T> implements Readable<T> {
  #value: T;
  readonly #changed = new Bell();

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  readonly subscribe = this.#changed.subscribe;

  /** Does nothing when value is what it holds. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    this.#changed.ring();
  }

  update(change: (value: T) => T): void {
    this.set(change(this.#value));
  }
}
