import type { Level } from "./joined";
import { mentions } from "./mention";
import type { Message } from "./message";
import { Emitter } from "./store";

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
  readonly #told = new Emitter<Arrival>();

  constructor(client: string, levelOf: (room: string) => Level) {
    this.#client = client;
    this.#levelOf = levelOf;
  }

  /** The returned function ends the subscription. */
  readonly subscribe = this.#told.subscribe;

  tell(messages: readonly Message[]): void {
    for (const message of messages) {
      const mention = mentions(message.msg, this.#client).length > 0;
      this.#told.emit({ message, mention, level: this.#levelOf(message.room) });
    }
  }
}
