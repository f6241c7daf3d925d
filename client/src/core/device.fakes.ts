import type { Device, History, Recorded, Values } from "./device";
import type { Message, Outgoing } from "./message";

type Method = Exclude<keyof Device, "keeps" | "close">;

/**
 * A Device in memory, for all tabs that share it. Every call fails while it is full, and a method while it is in `fails`. The calls
 * of a method in `hangs` wait for answer(), then take effect in their order.
 */
export class FakeDevice implements Device {
  readonly keeps: boolean = true;
  full = false;
  readonly fails = new Set<Method>();
  readonly hangs = new Set<Method>();
  /** How many messages fit, those of the outbox included. A call that would add more fails as in a browser. */
  space = Infinity;
  readonly calls: Method[] = [];
  readonly logs = new Map<string, Map<number, Message>>();
  readonly values = new Map<string, unknown>();
  readonly box = new Map<string, Outgoing>();
  #hanging: (() => void)[] = [];

  /** Lets all methods hang from now on, or these. */
  hang(...methods: readonly Method[]): void {
    for (const method of methods.length > 0 ? methods : allMethods) this.hangs.add(method);
  }
  /** Answers again, first the calls that have waited. */
  answer(): void {
    this.hangs.clear();
    for (const go of this.#hanging.splice(0)) go();
  }
  async #check(method: Method, added = 0): Promise<void> {
    this.calls.push(method);
    if (this.hangs.has(method)) await new Promise<void>((resolve) => this.#hanging.push(resolve));
    if (this.full || this.fails.has(method)) throw new Error("the device is full");
    const used = [...this.logs.values()].reduce((sum, log) => sum + log.size, this.box.size);
    if (added > 0 && used + added > this.space) throw new DOMException("no space is left", "QuotaExceededError");
  }
  async get<K extends keyof Values>(key: K): Promise<Values[K] | undefined> {
    await this.#check("get");
    return this.values.get(String(key)) as Values[K] | undefined; // the value that set has stored
  }
  async set<K extends keyof Values>(key: K, value: Values[K] | undefined): Promise<void> {
    await this.#check("set");
    this.values.set(String(key), value);
  }
  async begin(room: string, epoch: string | undefined): Promise<void> {
    await this.#check("begin");
    if (this.#isOf(room, epoch)) return;
    this.logs.delete(room);
    this.values.set(`epoch:${room}`, epoch);
  }
  async keep(room: string, list: readonly Message[], own: readonly string[], epoch?: string): Promise<void> {
    await this.#check("keep", list.length - own.filter((id) => this.box.has(id)).length);
    for (const id of own) this.box.delete(id);
    if (!this.#isOf(room, epoch)) return;
    const log = this.logs.get(room) ?? new Map<number, Message>();
    this.logs.set(room, log);
    for (const m of list) log.set(m.seq, m);
  }
  #isOf(room: string, epoch: string | undefined): boolean {
    return this.values.get(`epoch:${room}`) === epoch;
  }
  async history(room: string, limit: number, before?: number, epoch?: string): Promise<Message[]> {
    await this.#check("history");
    if (!this.#isOf(room, epoch)) return [];
    const log = this.logs.get(room) ?? new Map<number, Message>();
    const run: Message[] = [];
    let next = log.get(before === undefined ? Math.max(0, ...log.keys()) : before - 1);
    for (; next !== undefined && run.length < limit; next = log.get(next.seq - 1)) run.unshift(next);
    return run;
  }
  async prune(room: string, most: number): Promise<void> {
    await this.#check("prune");
    const log = this.logs.get(room);
    const newest = Math.max(0, ...(log?.keys() ?? []));
    for (const seq of [...(log?.keys() ?? [])]) if (seq <= newest - most) log?.delete(seq);
  }
  async rooms(names: readonly string[]): Promise<ReadonlyMap<string, Recorded>> {
    await this.#check("rooms");
    const value = <T>(key: string) => this.values.get(key) as T | undefined; // the value that set has stored
    return new Map(
      names.map((room) => {
        const recorded: Recorded = {
          newest: [...(this.logs.get(room)?.values() ?? [])].sort((a, b) => a.seq - b.seq).slice(-1),
          read: value(`read:${room}`),
          draft: value(`draft:${room}`),
          epoch: value(`epoch:${room}`),
          back: value(`back:${room}`),
        };
        return [room, recorded];
      }),
    );
  }
  async histories(): Promise<readonly History[]> {
    await this.#check("histories");
    const newest = (log: ReadonlyMap<number, Message>) => log.get(Math.max(0, ...log.keys()))?.stored_at;
    return [...this.logs].flatMap(([room, log]) => ((at) => (at === undefined ? [] : [{ room, at }]))(newest(log)));
  }
  async outbox(): Promise<Outgoing[]> {
    await this.#check("outbox");
    return [...this.box.values()];
  }
  async put(outgoing: Outgoing): Promise<void> {
    await this.#check("put", this.box.has(outgoing.id) ? 0 : 1);
    this.box.set(outgoing.id, outgoing);
  }
  async remove(id: string): Promise<void> {
    await this.#check("remove");
    this.box.delete(id);
  }
  async erase(): Promise<void> {
    await this.#check("erase");
    for (const kept of [this.logs, this.values, this.box]) kept.clear();
  }
  close(): void {}
}

/** The methods of a Device that return a promise. */
export const allMethods = [
  "get",
  "set",
  "begin",
  "keep",
  "history",
  "prune",
  "rooms",
  "histories",
  "outbox",
  "put",
  "remove",
  "erase",
] as const satisfies readonly Method[];
