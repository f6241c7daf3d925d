import type { Device } from "./device";
import { ownIDs, type Message } from "./message";

/** How many messages of a room stay on the device. */
export const kept = 5_000;

/** What the device has of a room when the app starts. */
export interface Recorded {
  readonly newest: readonly Message[];
  readonly read: number | undefined;
  readonly draft: string | undefined;
  readonly back: string | undefined;
}

/**
 * What the device keeps of one room, with the epoch of its history. The functions that change it return at once and never fail:
 * the app continues in memory if the device cannot store anything now. Changes take effect in the order of the calls.
 */
export class Records {
  readonly #device: Device;
  readonly #room: string;
  readonly #client: string;
  #epoch: string | undefined;
  /** How many messages were stored since the device was pruned. */
  #unpruned = 0;

  constructor(device: Device, room: string, client: string) {
    this.#device = device;
    this.#room = room;
    this.#client = client;
  }

  /** The epoch that the room's log is of. Undefined if no server has told one. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** Returns what the device has, with up to limit messages. Rejects if the device cannot be read. */
  async load(limit: number): Promise<Recorded> {
    const [device, room] = [this.#device, this.#room];
    const epoch = await device.get(`epoch:${room}`);
    const [newest, read, draft, back] = await Promise.all([
      device.history(room, limit, undefined, epoch),
      device.get(`read:${room}`),
      device.get(`draft:${room}`),
      device.get(`back:${room}`),
    ]);
    this.#epoch = epoch;
    return { newest, read, draft, back };
  }

  /** Begins a history of this epoch. It drops the messages of every other one. */
  begin(epoch: string | undefined): void {
    this.#epoch = epoch;
    void this.#device.begin(this.#room, epoch).catch(() => undefined); // on failure the next start finds the old epoch, and begins this one again
  }

  /** Keeps messages, and removes the client's own ones from the outbox. */
  keep(messages: readonly Message[]): void {
    void this.#device.keep(this.#room, messages, ownIDs(messages, this.#client), this.#epoch).catch(() => undefined); // on failure they can be fetched again
    this.#unpruned += messages.length;
    if (this.#unpruned >= kept) this.prune();
  }

  /** Returns messages before a number as the device does. Empty if it cannot be read. */
  history(limit: number, before: number): Promise<readonly Message[]> {
    return this.#device.history(this.#room, limit, before, this.#epoch).catch(() => []);
  }

  /** Removes all but the newest messages. */
  prune(most = kept): void {
    this.#unpruned = 0;
    void this.#device.prune(this.#room, most).catch(() => undefined); // on failure it is tried again later
  }

  read(seq: number): void {
    void this.#device.set(`read:${this.#room}`, seq).catch(() => undefined); // on failure they are unread again after a restart
  }

  draft(text: string): void {
    void this.#device.set(`draft:${this.#room}`, text === "" ? undefined : text).catch(() => undefined); // on failure the draft is in memory only
  }

  /** Keeps the notice that the server has gone back, or removes it. */
  back(notice: string | undefined): void {
    void this.#device.set(`back:${this.#room}`, notice).catch(() => undefined); // on failure it is shown again after a restart, or not at all
  }
}
