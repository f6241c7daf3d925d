import { createHash } from "node:crypto";

/** Random numbers that are the same for the same seed and name. */
export class Dice {
  #state: number;

  constructor(seed: number, name: string) {
    this.#state = createHash("sha256").update(`${seed} ${name}`).digest().readUInt32LE();
  }

  /** Returns a number from 0 to below 1, by mulberry32. */
  readonly random = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };

  /** Returns a whole number from 0 to below most. */
  below(most: number): number {
    return Math.floor(this.random() * most);
  }

  /** Returns true with this probability. */
  chance(of: number): boolean {
    return this.random() < of;
  }

  one<T>(among: readonly T[]): T {
    const found = among[this.below(among.length)];
    if (found === undefined) throw new Error("nothing to choose from");
    return found;
  }
}
