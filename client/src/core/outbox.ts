import type { Device, TabEvent, Tabs, Connectivity } from "./device";
import { Failure, type Reason } from "./failure";
import { headsOf, Queues } from "./queues";
import { isDiscardable, isUnsent, type Outgoing, type Unsent, type Written } from "./message";
import { never, pause } from "./retry";
import { Store } from "./store";

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

/** How many ids of messages that have left the outbox are remembered. Reads of the device and events of other tabs may still have them. */
const remembered = 1_000;
/** How far the servers' clocks and the order of messages may differ, in milliseconds. */
const skew = 10_000;
/** How long the sending tab may leave a first message waiting while this tab is connected, in milliseconds. It may be suspended. */
const overdue = 15_000;

/**
 * The client's own messages until they come back in their rooms' logs. Each message is stored on the device before it is
 * sent, and sent all the same if the device cannot store it. One of the client's tabs sends them, those of a room in the order in
 * which they were written. It tries again for ever, which is safe because the server stores a client's message once per id. A message
 * that the server does not accept has failed, and waits for the user. One that leaves the outbox never comes back.
 */
export class Outbox {
  /** The messages of all rooms, in the order in which they were written. */
  readonly outgoing = new Store<readonly Outgoing[]>([]);
  /** Resolves when the server has accepted the first message. */
  readonly sent: Promise<void>;
  readonly #o: OutboxOptions;
  readonly #end = new AbortController();
  #firstSent = () => {};
  readonly #queues: Queues;
  /** The latest ids that have left the outbox, because they have come back in a log or were discarded. */
  readonly #gone = new Set<string>();
  /** Ids that the device has not stored yet. If one were sent now, another tab could receive and remove it before it is stored, and it would stay. */
  readonly #unkept = new Set<string>();

  constructor(options: OutboxOptions) {
    this.#o = options;
    this.sent = new Promise((resolve) => (this.#firstSent = resolve));
    this.#queues = new Queues(
      {
        connectivity: options.connectivity,
        connected: options.connected,
        random: options.random,
        ready: () => headsOf(this.outgoing.get()).filter(({ id }) => !this.#unkept.has(id)),
        send: (message) => this.#send(message),
        failed: (message, failure, explained) =>
          this.#goOnWaiting(message, explained ? failure.reason : message.reason),
      },
      this.#end.signal,
    );
    this.#end.signal.addEventListener(
      "abort",
      options.tabs.subscribe((event) => this.#onTabEvent(event)),
    );
  }

  /** Loads the stored messages, and sends when this tab has its turn. It also starts if the device does not answer. */
  async start(): Promise<void> {
    await this.reload();
    void this.#run();
  }

  /** Loads the stored messages again, and reports them to the sending tab, which may not know them all. */
  async reload(): Promise<void> {
    await this.#load();
    for (const outgoing of this.outgoing.get())
      if (outgoing.state === "waiting") this.#o.tabs.post({ is: "outgoing", outgoing });
    this.#queues.wake();
  }

  close(): void {
    this.#end.abort();
  }

  /** Tries again now. This also ends the wait for another token after the server has refused one. */
  kick(): void {
    this.#queues.kick();
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
    this.#leave(id);
    this.#o.tabs.post({ is: "gone", id });
    await this.#o.device.remove(id);
  }

  /**
   * Removes the client's messages that are in a room's log now; the device has already removed them. `newest` is the time of
   * the log's newest message: a message that was accepted well before it is in the log, too, even if that part is not loaded.
   */
  arrived(room: string, ids: readonly string[], newest: string): void {
    for (const id of ids) this.#remember(id);
    const past = Date.parse(newest) - skew;
    const isPast = (m: Outgoing) => m.room === room && m.state === "accepted" && Date.parse(m.accepted_at) < past;
    this.#drop((m) => this.#gone.has(m.id) || isPast(m));
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
      this.#queues.wake();
    }
  }

  async #run(): Promise<void> {
    const end = this.#end.signal;
    await this.#awaitTurn();
    if (end.aborted) return;
    const again = () => void this.#load().then(() => this.#queues.wake()); // another tab may have closed before it reported a message
    end.addEventListener("abort", this.#o.connectivity.subscribe(again));
    await this.#load();
    await this.#queues.run();
  }

  /**
   * Waits until this tab leads. It also takes its turn if the first message of a room waits long without a reason although this tab
   * is connected, because the leading tab may be suspended. Two sending tabs cost requests, but add nothing twice.
   */
  async #awaitTurn(): Promise<void> {
    const turn = new AbortController();
    const begin = () => turn.abort();
    this.#end.signal.addEventListener("abort", begin);
    void this.#o.tabs.lead().then(begin);
    const first = () =>
      this.#o.connected() ? headsOf(this.outgoing.get()).find((m) => m.reason === null)?.id : undefined;
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
      this.#recordOutcome({ ...written(next), state: "accepted", accepted_at });
      this.#firstSent();
    } catch (error) {
      const failure = Failure.of(error);
      if (failure.trouble !== "rejected" && failure.trouble !== "conflict") return failure;
      const conflict = failure.trouble === "conflict";
      this.#recordOutcome({ ...written(next), state: "failed", reason: failure.reason, conflict });
    }
    return undefined;
  }

  /** Records the outcome, unless the message has left meanwhile. An accepted message is removed from the device, because the server has it. */
  #recordOutcome(outgoing: Outgoing): void {
    if (this.#end.signal.aborted) return; // the next sending tab sends it again, which is harmless
    const { device, tabs } = this.#o;
    const shown = this.#find(outgoing.id) !== undefined;
    if (shown) this.#show(outgoing);
    if (shown) tabs.post({ is: "outgoing", outgoing });
    else if (outgoing.state === "accepted") tabs.post({ is: "arrived", outgoing });
    const keep = shown && outgoing.state !== "accepted";
    void (keep ? device.put(outgoing) : device.remove(outgoing.id)).catch(() => undefined); // on failure it is sent again, which is harmless
  }

  #onTabEvent(event: TabEvent): void {
    if (event.is === "gone") this.#leave(event.id);
    if (event.is === "arrived") this.#onArrived(event.outgoing);
    if (event.is !== "outgoing") return;
    const { outgoing } = event;
    const left = this.#gone.has(outgoing.id);
    if (left && isUnsent(outgoing)) this.#o.tabs.post({ is: "gone", id: outgoing.id }); // the other tab has read it before it was removed
    const known = this.#find(outgoing.id);
    if (left || isOld(outgoing, known)) return;
    this.#show(known?.state === "sending" && isUnsent(outgoing) ? { ...outgoing, state: "sending" } : outgoing);
    this.#queues.wake();
  }

  /** A connected tab has a message in the log, or will get it. One without a connection goes on showing it until then. */
  #onArrived(outgoing: Outgoing): void {
    if (this.#o.connected()) this.#leave(outgoing.id);
    else if (this.#find(outgoing.id) !== undefined) this.#show(outgoing);
  }

  /** Adds the stored messages that are not known in this tab yet, in their order. If they cannot be read, nothing changes. */
  async #load(): Promise<void> {
    const kept = await this.#o.device.outbox().catch(() => []); // they are loaded again when the device answers
    const merged = [...this.outgoing.get()];
    let next = 0;
    for (const m of kept.filter(({ id }) => !this.#gone.has(id))) {
      const known = merged.findIndex(({ id }) => id === m.id);
      if (known < 0) merged.splice(next++, 0, m);
      else next = known + 1;
    }
    this.outgoing.set(merged);
  }

  /** Removes a message that must not be sent any more. The next one of its room may go now. */
  #leave(id: string): void {
    this.#remember(id);
    this.#drop((m) => m.id === id);
  }

  #remember(id: string): void {
    this.#gone.delete(id);
    this.#gone.add(id);
    if (this.#gone.size <= remembered) return;
    for (const oldest of [...this.#gone].slice(0, -remembered)) this.#gone.delete(oldest);
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
    const [stay, leave] = [[] as Outgoing[], [] as Outgoing[]];
    for (const m of this.outgoing.get()) (dropped(m) ? leave : stay).push(m);
    if (leave.length === 0) return;
    for (const { id } of leave) if (!this.#gone.has(id)) this.#remember(id);
    this.outgoing.set(stay);
    for (const room of new Set(leave.filter(isUnsent).map((m) => m.room))) this.#queues.kick(room);
  }
}

/** Whether an event of another tab is older than what this tab knows of the message. */
function isOld(outgoing: Outgoing, known: Outgoing | undefined): boolean {
  if (outgoing.state === "accepted") return known === undefined; // it has left
  return known?.state === "accepted" || (known?.state === "failed" && known.conflict); // both are final
}

/** Returns what a message has in every state. */
function written({ kind, id, room, msg, written_at, order }: Outgoing): Written {
  return { kind, id, room, msg, written_at, order };
}

function waiting(outgoing: Outgoing, reason: Reason | null): Unsent {
  return { ...written(outgoing), state: "waiting", reason };
}
