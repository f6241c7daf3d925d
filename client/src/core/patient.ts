import { Circuit, Unanswered } from "./circuit";
import type { Device, History, KeyValueStore, Recorded, Values } from "./device";
import { Journal } from "./journal";
import type { Message, Outgoing } from "./message";
import { isFull, withSpace } from "./space";
import { Emitter, Store, type Readable } from "./store";

/** Values that all tabs change, so that an old one must not be stored later. Who changes them reads them again first. */
const shared: ReadonlySet<keyof Values> = new Set(["rooms", "levels"]);
/** How long no history is stored after the device was full, in milliseconds. */
const shortage = 10 * 60_000;

/**
 * A Device that answers within a time limit, whatever the real one does: one that is not open yet, does not answer, or fails. A call
 * that it cannot answer rejects. What it could not store is stored when the device answers again, but for history, which can be
 * fetched again and gives way to everything else when space is short.
 */
export class PatientDevice implements Device {
  /** Whether the device keeps what it is given. False if it keeps nothing, does not answer, or has not taken everything yet. */
  readonly keeping: Readable<boolean>;
  /** Fires when the device answers again after it did not, or failed. What could not be read can be read now. */
  readonly answered = new Emitter();
  readonly #keeping = new Store(true);
  readonly #open: () => Promise<Device>;
  readonly #circuit = new Circuit();
  readonly #journal = new Journal(this.#circuit, true);
  #opening: Promise<Device> | undefined;
  #lasting = true;
  #short: ReturnType<typeof setTimeout> | undefined;

  constructor(open: () => Promise<Device>) {
    this.#open = open;
    this.keeping = this.#keeping;
    const { answers, rested } = this.#circuit;
    answers.subscribe(() => {
      this.#update();
      if (answers.get()) this.answered.emit();
    });
    this.#journal.complete.subscribe(() => this.#update());
    rested.subscribe(() => void this.get("rooms").catch(() => undefined)); // rejects at once if the journal has tried something
  }

  get keeps(): boolean {
    return this.#keeping.get();
  }

  get<K extends keyof Values>(key: K): Promise<Values[K] | undefined> {
    return this.#read("get", (device) => device.get(key));
  }
  history(room: string, limit: number, before?: number, epoch?: string): Promise<Message[]> {
    return this.#read("history", (device) => device.history(room, limit, before, epoch));
  }
  rooms(names: readonly string[]): Promise<ReadonlyMap<string, Recorded>> {
    return this.#read("rooms", (device) => device.rooms(names));
  }
  histories(): Promise<readonly History[]> {
    return this.#read("histories", (device) => device.histories());
  }
  outbox(): Promise<Outgoing[]> {
    return this.#read("outbox", (device) => device.outbox());
  }
  prune(room: string, most: number): Promise<void> {
    return this.#call((device) => device.prune(room, most));
  }

  set<K extends keyof Values>(key: K, value: Values[K] | undefined): Promise<void> {
    const run = () => this.#fit((device) => device.set(key, value));
    return shared.has(key) ? run() : this.#journal.write(`value ${String(key)}`, run);
  }
  put(outgoing: Outgoing): Promise<void> {
    return this.#journal.write(boxKey(outgoing.id), () => this.#fit((device) => device.put(outgoing)));
  }
  remove(id: string): Promise<void> {
    return this.#journal.write(boxKey(id), this.#removal(id));
  }
  begin(room: string, epoch: string | undefined): Promise<void> {
    return this.#journal.write(`begin ${room}`, () => this.#call((device) => device.begin(room, epoch)));
  }

  /** Adds no messages while space is short, but always removes the client's own ones from the outbox. */
  async keep(room: string, messages: readonly Message[], own: readonly string[], epoch?: string): Promise<void> {
    for (const id of own) this.#journal.forget(boxKey(id)); // the server has it, so a put that has failed must not be tried again
    try {
      await this.#keep(room, this.#short === undefined ? messages : [], own, epoch);
    } catch (error) {
      for (const id of own) this.#journal.owe(boxKey(id), this.#removal(id));
      throw error;
    }
  }

  /** Rejects if the device does not answer. Then the data stays. */
  async erase(): Promise<void> {
    this.#end();
    await this.#call((device) => device.erase());
  }

  close(): void {
    this.#end();
    void this.#opening?.then((device) => device.close()).catch(() => undefined); // one that could not be opened needs no closing
  }

  async #keep(
    room: string,
    messages: readonly Message[],
    own: readonly string[],
    epoch: string | undefined,
  ): Promise<void> {
    try {
      await this.#call((device) => device.keep(room, messages, own, epoch));
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#runShort();
      await this.#call((device) => device.keep(room, [], own, epoch));
    }
  }

  #removal(id: string): () => Promise<void> {
    return () => this.#call((device) => device.remove(id));
  }

  #fit(change: (device: Device) => Promise<void>): Promise<void> {
    return withSpace(
      this,
      () => this.#call(change),
      () => this.#runShort(),
    );
  }

  /** Reads. If the device fails, it is read again now and then, until `answered` can tell that it succeeds. */
  async #read<T>(what: string, work: (device: Device) => Promise<T>): Promise<T> {
    try {
      return await this.#call(work);
    } catch (error) {
      if (!(error instanceof Unanswered))
        this.#journal.owe(`read ${what}`, async () => {
          await this.#call(work);
          this.answered.emit();
        });
      throw error;
    }
  }

  #call<T>(work: (device: Device) => Promise<T>): Promise<T> {
    return this.#circuit.call(async () => work(await this.#opened()));
  }

  /** Opens the device once; after a failure again. */
  #opened(): Promise<Device> {
    this.#opening ??= this.#open().then(
      (device) => {
        this.#lasting = device.keeps;
        this.#update();
        return device;
      },
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  #runShort(): void {
    clearTimeout(this.#short);
    this.#short = setTimeout(() => (this.#short = undefined), shortage);
  }

  #update(): void {
    this.#keeping.set(this.#lasting && this.#circuit.answers.get() && this.#journal.complete.get());
  }

  #end(): void {
    this.#circuit.end();
    this.#journal.end();
    clearTimeout(this.#short);
  }
}

const boxKey = (id: string) => `outbox ${id}`;

/** Key values that answer within a time limit. A value that could not be written is written when the store answers again, or takes another one. */
export function patientKeyValues(store: KeyValueStore): KeyValueStore {
  const circuit = new Circuit();
  const journal = new Journal(circuit, false);
  return {
    read: (key) => circuit.call(() => store.read(key)),
    write: (key, value) => journal.write(key, () => circuit.call(() => store.write(key, value))),
  };
}
