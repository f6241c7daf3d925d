import type { Level } from "./joined";
import { mentions } from "./mention";
import type { Message } from "./message";

/** A message of another client that has come while the app was running, for notifications. */
export interface Arrival {
  readonly message: Message;
  /** Whether it mentions the client. */
  readonly mention: boolean;
  /** What the client wants to hear of the room. */
  readonly level: Level;
}

/** Tells its subscribers of messages that have come. */
export class Arrivals {
  readonly #client: string;
  readonly #levelOf: (room: string) => Level;
  readonly #listeners = new Set<(arrival: Arrival) => void>();

  constructor(client: string, levelOf: (room: string) => Level) {
    this.#client = client;
    this.#levelOf = levelOf;
  }

  /** The returned function ends the subscription. */
  subscribe(listener: (arrival: Arrival) => void): () => void {
    const own = (arrival: Arrival) => listener(arrival);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  tell(messages: readonly Message[]): void {
    for (const message of messages) {
      const mention = mentions(message.msg, this.#client).length > 0;
      for (const listener of [...this.#listeners]) listener({ message, mention, level: this.#levelOf(message.room) });
    }
  }
}
