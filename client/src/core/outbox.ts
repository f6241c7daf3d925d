import { Store, Emitter } from "./store";
import type { Device, TabEvent, Tabs, Connectivity } from "./device";
import { Failure, type Reason } from "./failure";
import { isDiscardable, isUnsent, type Outgoing, type Unsent, type Written } from "./message";
import { RetrySchedule, pause } from "./retry";

export interface OutboxOptions {
  readonly device: Device;
  readonly tabs: Tabs;
  readonly connectivity: Connectivity;
  /** Posts a message. Resolves with the time of acceptance, or rejects with a Failure. Posting the same id again adds nothing. */
  readonly send: (outgoing: Outgoing) => Promise<string>;
  readonly newID: () => string;
  /** Whether this tab is connected to the server. */
  readonly connected: () => boolean;
  readonly random?: () => number;
}

/** How many ids of the client's arrived messages are remembered. Late events of other tabs may still name them. */
const remembered = 1_000;
/** How far the servers' clocks and the order of messages may differ, in milliseconds. */
const skew = 10_000;
/** How long the sending tab may leave the first message waiting while this tab is connected, in milliseconds. It may be suspended. */
const overdue = 15_000;
/** After this many temporary refusals in a row the app shows why a message waits. */
const refusalsBeforeReason = 3;

/** A source of wake events that never fires. */
const never = { subscribe: () => () => undefined };

/**
 * The client's own messages until they come back in their rooms' logs. Each message is stored on the device before it is
 * sent. One of the client's tabs sends them, one after the other, in the order in which they were written. It tries again for
 * ever, which is safe because the server stores a client's message once per id. A message that the server does not accept has
 * failed or is a conflict, and waits for the user.
 */
export class Outbox {
  /** The messages of all rooms, in the order in which they were written. */
  readonly outgoing = new Store<readonly Outgoing[]>([]);
  readonly #o: OutboxOptions;
  readonly #end = new AbortController();
  readonly #schedule: RetrySchedule;
  /** Fires when a message may be ready to send. */
  readonly #work = new Emitter();
  /** The latest ids that have come back in a log. A pending post or another tab may still report them. */
  readonly #arrived = new Set<string>();
  /** Ids that the device has not stored yet. If one were sent now, another tab could receive and remove it before it is stored, and it would stay. */
  readonly #unkept = new Set<string>();

  constructor(options: OutboxOptions) {
    this.#o = options;
    this.#schedule = new RetrySchedule(options.connectivity, this.#end.signal, options.random);
    this.#end.signal.addEventListener(
      "abort",
      options.tabs.subscribe((event) => this.#onTabEvent(event)),
    );
  }

  /** Loads the stored messages, reports them to the sending tab, which may not know them all, and sends when this tab has its turn. */
  async start(): Promise<void> {
    await this.#load();
    for (const outgoing of this.outgoing.get())
      if (outgoing.state === "waiting") this.#o.tabs.post({ is: "outgoing", outgoing });
    void this.#run();
  }

  close(): void {
    this.#end.abort();
  }

  /** Tries again now. This also ends the wait for another token after the server has refused one. */
  kick(): void {
    this.#schedule.kick();
  }

  /** Adds a sendable text. It is shown at once, and stored on the device when the promise resolves. */
  async add(room: string, msg: string): Promise<void> {
    const order = this.#nextOrder();
    const written = {
      kind: "outgoing",
      id: this.#o.newID(),
      room,
      msg,
      written_at: new Date().toISOString(),
      order,
    } as const;
    await this.#change({ ...written, state: "waiting", reason: null });
  }

  /** Tries a failed message again. */
  async retry(id: string): Promise<void> {
    const failed = this.#find(id);
    if (failed?.state !== "failed" || failed.conflict) return;
    await this.#change(waiting(failed, null));
  }

  /** Discards a message that shows a reason why the server has not accepted it. */
  async discard(id: string): Promise<void> {
    const known = this.#find(id);
    if (known === undefined || !isDiscardable(known)) return;
    this.#cancel(id);
    this.#o.tabs.post({ is: "gone", id });
    await this.#o.device.remove(id);
  }

  /**
   * Removes the client's messages that are in a room's log now; the device has already removed them. `newest` is the time of
   * the log's newest message: a message that was accepted well before it is in the log, too, even if that part is not loaded.
   */
  arrived(room: string, ids: readonly string[], newest: string): void {
    for (const id of ids) this.#arrived.add(id);
    if (this.#arrived.size > remembered)
      [...this.#arrived].slice(0, -remembered).forEach((id) => this.#arrived.delete(id));
    const past = Date.parse(newest) - skew;
    const isPast = (m: Outgoing) => m.room === room && m.state === "accepted" && Date.parse(m.accepted_at) < past;
    this.#drop((m) => this.#arrived.has(m.id) || isPast(m));
  }

  /** Shows a change, stores it, reports it to the other tabs, and starts to send. */
  async #change(outgoing: Outgoing): Promise<void> {
    this.#show(outgoing);
    this.#unkept.add(outgoing.id);
    try {
      await this.#o.device.put(outgoing);
    } finally {
      this.#unkept.delete(outgoing.id);
      this.#o.tabs.post({ is: "outgoing", outgoing });
      this.#work.emit();
    }
  }

  async #run(): Promise<void> {
    const end = this.#end.signal;
    await this.#awaitTurn();
    if (end.aborted) return;
    const again = () => void this.#load().then(() => this.#work.emit()); // another tab may have closed before it reported a message
    end.addEventListener("abort", this.#o.connectivity.subscribe(again));
    await this.#load();
    for (let refusals = 0; !end.aborted;) {
      const next = this.outgoing.get().find(isUnsent);
      if (next === undefined || this.#unkept.has(next.id)) {
        await pause(Infinity, this.#work, end);
        continue;
      }
      this.#schedule.begin();
      const failure = await this.#send(next);
      refusals = failure?.trouble === "later" ? refusals + 1 : 0;
      if (failure !== undefined)
        this.#goOnWaiting(next, refusals >= refusalsBeforeReason ? failure.reason : next.reason);
      if (failure === undefined) this.#schedule.succeeded();
      else if (failure.trouble === "unauthenticated") await this.#schedule.hold();
      else await this.#schedule.failed(failure.wait);
    }
  }

  /**
   * Waits until this tab leads. It also takes its turn if the first message waits long although this tab is connected, because
   * the leading tab may be suspended. Two sending tabs cost requests, but add nothing twice.
   */
  async #awaitTurn(): Promise<void> {
    const turn = new AbortController();
    const begin = () => turn.abort();
    this.#end.signal.addEventListener("abort", begin);
    void this.#o.tabs.lead().then(begin);
    const first = () => (this.#o.connected() ? this.outgoing.get().find((m) => m.state === "waiting")?.id : undefined);
    let before: string | undefined;
    do {
      before = first();
      await pause(overdue, never, turn.signal);
    } while (!turn.signal.aborted && (before === undefined || before !== first()));
  }

  /** Shows that a message waits again, and why. The outbox continues to try it. */
  #goOnWaiting(tried: Unsent, reason: Reason | null): void {
    if (this.#find(tried.id)?.state !== "sending") return;
    const outgoing = waiting(tried, reason);
    this.#show(outgoing);
    if (reason !== tried.reason) this.#o.tabs.post({ is: "outgoing", outgoing });
  }

  /** Sends one message. Returns the failure after which it must be tried again. */
  async #send(next: Unsent): Promise<Failure | undefined> {
    this.#show({ ...next, state: "sending" });
    try {
      const accepted_at = await this.#o.send(next);
      await this.#recordOutcome({ ...written(next), state: "accepted", accepted_at });
    } catch (error) {
      const failure = Failure.of(error);
      if (failure.trouble !== "rejected" && failure.trouble !== "conflict") return failure;
      const conflict = failure.trouble === "conflict";
      await this.#recordOutcome({ ...written(next), state: "failed", reason: failure.reason, conflict });
    }
    return undefined;
  }

  /** Records the outcome, unless the message has come back meanwhile. An accepted message is removed from the device, because the server has it. */
  async #recordOutcome(outgoing: Outgoing): Promise<void> {
    if (this.#end.signal.aborted) return; // the next sending tab sends it again, which is harmless
    const { device, tabs } = this.#o;
    const shown = this.#find(outgoing.id) !== undefined;
    if (shown) {
      this.#show(outgoing);
      tabs.post({ is: "outgoing", outgoing });
    }
    const keep = shown && outgoing.state !== "accepted";
    await (keep ? device.put(outgoing) : device.remove(outgoing.id)).catch(() => undefined); // on failure it is sent again, which is harmless
  }

  #onTabEvent(event: TabEvent): void {
    if (event.is === "gone") this.#cancel(event.id);
    if (event.is !== "outgoing") return;
    const { outgoing } = event;
    if (this.#arrived.has(outgoing.id)) return;
    const known = this.#find(outgoing.id);
    const hasLeft = outgoing.state === "accepted" && known === undefined;
    const isOld = outgoing.state !== "accepted" && known?.state === "accepted";
    if (hasLeft || isOld) return;
    this.#show(outgoing);
    this.#work.emit();
  }

  /** Adds the stored messages that are not known in this tab yet, in their order. */
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

  /** Removes a message that must not be sent any more, and tries the next one now. */
  #cancel(id: string): void {
    this.#drop((m) => m.id === id);
    this.#schedule.kick();
  }

  #nextOrder(): number {
    return Math.max(0, ...this.outgoing.get().map((m) => m.order)) + 1;
  }

  #find(id: string): Outgoing | undefined {
    return this.outgoing.get().find((m) => m.id === id);
  }

  #show(outgoing: Outgoing): void {
    this.outgoing.update((shown) =>
      shown.some((m) => m.id === outgoing.id)
        ? shown.map((m) => (m.id === outgoing.id ? outgoing : m))
        : [...shown, outgoing],
    );
  }

  #drop(dropped: (m: Outgoing) => boolean): void {
    this.outgoing.update((shown) => (shown.some(dropped) ? shown.filter((m) => !dropped(m)) : shown));
  }
}

/** Returns what a message has in every state. */
function written({ kind, id, room, msg, written_at, order }: Outgoing): Written {
  return { kind, id, room, msg, written_at, order };
}

function waiting(outgoing: Outgoing, reason: Reason | null): Unsent {
  return { ...written(outgoing), state: "waiting", reason };
}
