import { Bell, Cell } from "./cell";
import type { Device, TabEvent, Tabs, Wake } from "./device";
import { Failure } from "./failure";
import type { Outgoing } from "./message";
import { Pace, pause } from "./retry";

export interface OutboxOptions {
  readonly device: Device;
  readonly tabs: Tabs;
  readonly wake: Wake;
  /** Posts a message; resolves with the time at which it was accepted, or rejects with a Failure. Doing so again adds nothing. */
  readonly send: (outgoing: Outgoing) => Promise<string>;
  readonly newID: () => string;
  /** Whether the server can be reached now, as far as this tab knows. */
  readonly connected: () => boolean;
  readonly random?: () => number;
}

/** How many ids of messages that have come back are remembered: enough for what other tabs still tell of them. */
const remembered = 1_000;
/** How far the clocks of a server's machines may be apart, and how long two messages may overtake each other. */
const skew = 10_000;
/** How long the tab that sends may leave the first message waiting while there is a connection, in milliseconds: it may be asleep. */
const overdue = 15_000;
/** After so many refusals that are not final, in a row, the person is told why a message waits. */
const patience = 3;

/** Nothing cuts the wait short. */
const never = { subscribe: () => () => undefined };

/**
 * One's own messages until they come back in their rooms' logs. Each has an id of its own and is kept on the device before it
 * is sent. They are sent one after the other, in the order in which they were written, by one of the client's tabs, and tried
 * again for ever, which is safe because of the id. Only what the server will never take is given up, and waits for its writer.
 */
export class Outbox {
  /** All rooms', in the order in which they were written. */
  readonly outgoing = new Cell<readonly Outgoing[]>([]);
  readonly #o: OutboxOptions;
  readonly #end = new AbortController();
  readonly #pace: Pace;
  /** Rings when there may be something to send. */
  readonly #work = new Bell();
  /** Ids that have come back in a log, the latest: a post under way may still answer, another tab may still tell. */
  readonly #arrived = new Set<string>();
  /** Ids that the device does not keep yet: one sent before that may come back in another tab first, and then stay on the device. */
  readonly #unkept = new Set<string>();

  constructor(options: OutboxOptions) {
    this.#o = options;
    this.#pace = new Pace(options.wake, this.#end.signal, options.random);
    this.#end.signal.addEventListener("abort", options.tabs.subscribe((event) => this.#heard(event)));
  }

  /** Reads what is kept, and begins to send when it is this tab's turn. The one that sends may not know of all that is kept. */
  async start(): Promise<void> {
    await this.#load();
    for (const outgoing of this.outgoing.get()) if (outgoing.state === "waiting") this.#o.tabs.post({ is: "outgoing", outgoing });
    void this.#run();
  }

  close(): void {
    this.#end.abort();
  }

  /** Tries again now; also after the server has refused the token, when there is another one. */
  kick(): void {
    this.#pace.kick();
  }

  /** Takes on a text that is sendable; it is shown at once, and kept when the promise resolves. */
  async add(room: string, msg: string): Promise<void> {
    await this.#change({ id: this.#o.newID(), room, msg, written_at: new Date().toISOString(), state: "waiting" });
  }

  /** Tries a failed message again. */
  async retry(id: string): Promise<void> {
    const failed = this.#find(id);
    if (failed?.state !== "failed") return;
    const { reason: _, ...rest } = failed;
    await this.#change({ ...rest, state: "waiting" });
  }

  /** Gives a message up that the server has not taken, for the reason that is shown. */
  async discard(id: string): Promise<void> {
    if (this.#find(id)?.reason === undefined) return;
    this.#give(id);
    this.#o.tabs.post({ is: "gone", id });
    await this.#o.device.remove(id);
  }

  /**
   * Says which of the client's messages are in a room's log, and when the newest message there was sent; the device has taken
   * them out of the outbox already. What was accepted well before the newest is in the log, too, where nobody looks now.
   */
  arrived(room: string, ids: readonly string[], newest: string): void {
    for (const id of ids) this.#arrived.add(id);
    if (this.#arrived.size > remembered) [...this.#arrived].slice(0, -remembered).forEach((id) => this.#arrived.delete(id));
    const past = Date.parse(newest) - skew;
    const isPast = (m: Outgoing) => m.room === room && m.state === "accepted" && Date.parse(m.accepted_at ?? "") < past;
    this.#drop((m) => this.#arrived.has(m.id) || isPast(m));
  }

  /** Shows a change, keeps it, tells the other tabs, and has it sent. */
  async #change(outgoing: Outgoing): Promise<void> {
    this.#show(outgoing);
    this.#unkept.add(outgoing.id);
    try {
      await this.#o.device.put(outgoing);
    } finally {
      this.#unkept.delete(outgoing.id);
      this.#o.tabs.post({ is: "outgoing", outgoing });
      this.#work.ring();
    }
  }

  async #run(): Promise<void> {
    const end = this.#end.signal;
    await this.#turn();
    if (end.aborted) return;
    const again = () => void this.#load().then(() => this.#work.ring()); // another tab may have ended with what it has not told
    end.addEventListener("abort", this.#o.wake.subscribe(again));
    await this.#load();
    for (let refusals = 0; !end.aborted; ) {
      const next = this.outgoing.get().find((m) => m.state === "waiting");
      if (next === undefined || this.#unkept.has(next.id)) {
        await pause(Infinity, this.#work, end);
        continue;
      }
      this.#pace.begin();
      const failure = await this.#send(next);
      refusals = failure?.trouble === "later" ? refusals + 1 : 0;
      if (refusals >= patience) this.#explain({ ...next, reason: failure?.message ?? "" });
      if (failure === undefined) this.#pace.succeeded();
      else if (failure.trouble === "unauthenticated") await this.#pace.hold();
      else await this.#pace.failed(failure.wait);
    }
  }

  /**
   * Waits until it is this tab's turn to send. It also is when the first message waits for long although there is a connection:
   * the tab whose turn it was may be asleep, and that two send costs requests and nothing else.
   */
  async #turn(): Promise<void> {
    const turn = new AbortController();
    const come = () => turn.abort();
    this.#end.signal.addEventListener("abort", come);
    void this.#o.tabs.lead().then(come);
    const first = () => (this.#o.connected() ? this.outgoing.get().find((m) => m.state === "waiting")?.id : undefined);
    let before: string | undefined;
    do {
      before = first();
      await pause(overdue, never, turn.signal);
    } while (!turn.signal.aborted && (before === undefined || before !== first()));
  }

  /** Shows why a message waits. It goes on to be tried. */
  #explain(waiting: Outgoing): void {
    if (this.#find(waiting.id)?.state !== "waiting") return;
    this.#show(waiting);
    this.#o.tabs.post({ is: "outgoing", outgoing: waiting });
  }

  /** Sends one message; returns why it has to be tried again. */
  async #send(next: Outgoing): Promise<Failure | undefined> {
    const { reason: _, ...message } = next;
    try {
      const accepted_at = await this.#o.send(next);
      await this.#settle({ ...message, state: "accepted", accepted_at });
    } catch (error) {
      const failure = Failure.of(error);
      if (failure.trouble !== "rejected") return failure;
      await this.#settle({ ...next, state: "failed", reason: failure.message });
    }
    return undefined;
  }

  /** Notes the outcome, unless the message has come back meanwhile. What is accepted need not be kept: the server does. */
  async #settle(outgoing: Outgoing): Promise<void> {
    if (this.#end.signal.aborted) return; // whoever sends next does it again, which is harmless
    const { device, tabs } = this.#o;
    const shown = this.#find(outgoing.id) !== undefined;
    if (shown) {
      this.#show(outgoing);
      tabs.post({ is: "outgoing", outgoing });
    }
    const keep = shown && outgoing.state === "failed";
    await (keep ? device.put(outgoing) : device.remove(outgoing.id)).catch(() => undefined); // then it is sent again, which is harmless
  }

  #heard(event: TabEvent): void {
    if (event.is === "gone") this.#give(event.id);
    if (event.is !== "outgoing") return;
    const { outgoing } = event;
    if (this.#arrived.has(outgoing.id)) return;
    const known = this.#find(outgoing.id);
    const hasLeft = outgoing.state === "accepted" && known === undefined;
    const isOld = outgoing.state !== "accepted" && known?.state === "accepted";
    if (hasLeft || isOld) return;
    this.#show(outgoing);
    this.#work.ring();
  }

  /** Takes on what the device keeps and is not known here yet, in its order. */
  async #load(): Promise<void> {
    const kept = await this.#o.device.outbox().catch(() => []);
    const merged = [...this.outgoing.get()];
    let next = 0;
    for (const m of kept.filter(({ id }) => !this.#arrived.has(id))) {
      const known = merged.findIndex(({ id }) => id === m.id);
      if (known < 0) merged.splice(next++, 0, m);
      else next = known + 1;
    }
    this.outgoing.set(merged);
  }

  /** Takes a message out that is not to be sent any more; what waits behind it has its turn. */
  #give(id: string): void {
    this.#drop((m) => m.id === id);
    this.#pace.kick();
  }

  #find(id: string): Outgoing | undefined {
    return this.outgoing.get().find((m) => m.id === id);
  }

  #show(outgoing: Outgoing): void {
    this.outgoing.update((shown) =>
      shown.some((m) => m.id === outgoing.id) ? shown.map((m) => (m.id === outgoing.id ? outgoing : m)) : [...shown, outgoing],
    );
  }

  #drop(gone: (m: Outgoing) => boolean): void {
    this.outgoing.update((shown) => (shown.some(gone) ? shown.filter((m) => !gone(m)) : shown));
  }
}
