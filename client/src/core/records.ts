import type { Device, Recorded } from "./device";
import { ownIDs, type Message } from "./message";

/** How many messages of a room stay on the device. */
export const kept = 5_000;

interface Asked {
  readonly room: string;
  readonly resolve: (recorded: Recorded) => void;
  readonly reject: (error: unknown) => void;
}

/** Reads what the device has of rooms. All rooms that are asked for in the same task are read with one call. */
export class RecordReader {
  readonly #device: Device;
  #asked: Asked[] = [];

  constructor(device: Device) {
    this.#device = device;
  }

  /** Rejects if the device cannot be read now. */
  read(room: string): Promise<Recorded> {
    return new Promise((resolve, reject) => {
      if (this.#asked.push({ room, resolve, reject }) === 1) void Promise.resolve().then(() => this.#readAll());
    });
  }

  async #readAll(): Promise<void> {
    const asked = this.#asked;
    this.#asked = [];
    try {
      const all = await this.#device.rooms([...new Set(asked.map(({ room }) => room))]);
      for (const { room, resolve } of asked) resolve(all.get(room) ?? nothing);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}

const nothing: Recorded = { newest: [], read: undefined, draft: undefined, epoch: undefined, back: undefined };

/**
 * What the device keeps of one room, with the epoch of its history. The functions that change it return at once and never fail:
 * the app continues in memory if the device cannot store anything now. Changes take effect in the order of the calls. A value that
 * could not be read yet is not written, because what is there may be worth more than what this tab knows.
 */
export class Records {
  readonly #device: Device;
  readonly #reader: RecordReader;
  readonly #room: string;
  readonly #client: string;
  #known = false;
  #epoch: string | undefined;
  /** How many messages were stored since the device was pruned. */
  #unpruned = 0;

  constructor(device: Device, reader: RecordReader, room: string, client: string) {
    this.#device = device;
    this.#reader = reader;
    this.#room = room;
    this.#client = client;
  }

  /** Whether the device has been read. */
  get known(): boolean {
    return this.#known;
  }

  /** The epoch that the room's log is of. Undefined if no server has told one. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** Returns what the device has. Rejects if the device cannot be read now. From then on the epoch is that of the device. */
  async load(): Promise<Recorded> {
    const recorded = await this.#reader.read(this.#room);
    this.#known = true;
    this.#epoch = recorded.epoch;
    return recorded;
  }

  /** Begins a history of this epoch. It drops the messages of every other one. */
  begin(epoch: string | undefined): void {
    this.#epoch = epoch;
    if (this.#known) void this.#device.begin(this.#room, epoch).catch(() => undefined); // on failure the next start finds the old epoch, and begins this one again
  }

  /** Keeps messages, and removes the client's own ones from the outbox. The device drops them if its history is of another epoch. */
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
    if (!this.#known) return;
    this.#unpruned = 0;
    void this.#device.prune(this.#room, most).catch(() => undefined); // on failure it is tried again later
  }

  draft(text: string): void {
    if (!this.#known) return;
    void this.#device.set(`draft:${this.#room}`, text === "" ? undefined : text).catch(() => undefined); // on failure the draft is in memory only
  }

  /** Keeps the notice that the server has gone back, or removes it. */
  back(notice: string | undefined): void {
    if (!this.#known) return;
    void this.#device.set(`back:${this.#room}`, notice).catch(() => undefined); // on failure it is shown again after a restart, or not at all
  }
}
