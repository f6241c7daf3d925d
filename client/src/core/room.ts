import type { Api } from "./api";
import { Cell } from "./cell";
import type { Device, Tabs } from "./device";
import { Failure } from "./failure";
import type { Hub } from "./hub";
import { Log } from "./log";
import { sendable, type Message, type Outgoing } from "./message";
import type { Outbox } from "./outbox";

/** The visible state of a room. */
export interface Timeline {
  /** The messages in memory, ascending, without gaps, up to the newest one that has come. */
  readonly messages: readonly Message[];
  /** The client's messages that have not come back yet, in the order in which they were written. */
  readonly outgoing: readonly Outgoing[];
  /** Whether older messages exist, and whether they are being fetched. */
  readonly older: "none" | "some" | "loading" | "failed";
  /** The number of the room's newest message that this device knows of. */
  readonly last: number;
  /** The number of the last message that the user has read. */
  readonly read: number;
  /** The number after which the unread messages begin. It is set when the room is opened or caught up; null if nothing was unread. */
  readonly mark: number | null;
  /** Whether the room is open on the screen. */
  readonly open: boolean;
  /** Whether the room's data has been read from the device. */
  readonly loaded: boolean;
  /** Why the server does not let this client read the room. */
  readonly refused: string | null;
}

/** The size of a page of history, and the largest number of missing messages that are read from the cursor. */
const pageSize = 100;
const near = 500;
/** How many messages of a room stay on the device, and how many stay in memory while the room is not open. */
const kept = 5_000;
const remembered = 200;
/** The shortest time between two updates of the timeline by received messages, in milliseconds. */
const renderInterval = 40;
/** How long a gap may stay until the room is read again, in milliseconds. The hub leaves no gaps, but a proxy might. */
const gapTimeout = 3_000;

export interface RoomOptions {
  readonly name: string;
  readonly client: string;
  readonly device: Device;
  readonly tabs: Tabs;
  readonly api: Pick<Api, "page">;
  readonly outbox: Outbox;
}

/** One room as one client sees it. */
export class Room {
  readonly name: string;
  readonly timeline: Cell<Timeline>;
  readonly draft = new Cell("");
  readonly #o: RoomOptions;
  readonly #log = new Log();
  readonly #off: (() => void)[];
  readonly #loaded: Promise<void>;
  #hub: Hub | undefined;
  /** The number of the oldest message on the server. */
  #oldest = 1;
  #opened = 0;
  #closed = false;
  #arrived: Message[] = [];
  #flushed = 0;
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #gap: ReturnType<typeof setTimeout> | undefined;
  /** How many messages were stored on the device since it was pruned. */
  #unpruned = 0;
  #paging: "some" | "loading" | "failed" = "some";
  #fetching: Promise<void> | undefined;
  /** The number of the oldest message to fetch. */
  #target = Infinity;

  constructor(options: RoomOptions) {
    this.name = options.name;
    this.#o = options;
    this.timeline = new Cell<Timeline>({
      messages: [], outgoing: this.#own(), older: "none", last: 0, read: -1, mark: null, open: false, loaded: false, refused: null,
    });
    this.#off = [
      options.outbox.outgoing.subscribe(() => this.#outgoing()),
      options.tabs.subscribe((event) => {
        if (event.is === "read" && event.room === this.name) this.#haveRead(event.seq);
        if (event.is === "draft" && event.room === this.name) this.draft.set(event.text);
      }),
    ];
    this.#loaded = this.#load();
  }

  close(): void {
    this.#closed = true;
    this.#hub = undefined;
    clearTimeout(this.#flushing);
    clearTimeout(this.#gap);
    for (const off of this.#off) off();
  }

  /** Marks the room as open until the returned function is called. */
  open(): () => void {
    let open = true;
    this.#opened++;
    this.#show({ open: true, mark: this.timeline.get().loaded ? this.#unread() : null });
    return () => {
      if (!open) return;
      open = false;
      this.#opened--;
      if (this.#opened > 0) return;
      this.#log.trim(remembered);
      this.#show({ open: false, mark: null });
    };
  }

  /** Sends a text. It is stored on this device when the promise resolves. Rejects and does nothing if it is not sendable. */
  async send(text: string): Promise<void> {
    const msg = sendable(text);
    const kept = this.#o.outbox.add(this.name, msg);
    this.#show({ mark: null });
    this.#noteDraft("");
    await kept;
    if (this.draft.get() === "") this.#keepDraft(""); // not earlier: if the page closed in between, the text would be lost
  }

  /** Stores the draft. */
  write(text: string): void {
    if (text === this.draft.get()) return;
    this.#noteDraft(text);
    this.#keepDraft(text);
  }

  /** Marks the messages up to this number as read. */
  read(seq: number): void {
    if (!this.#haveRead(seq)) return;
    if (seq === this.#log.last && this.#log.messages.length > 2 * kept) this.#trimLog(); // a room may stay open for weeks, and memory is limited
    this.#o.tabs.post({ is: "read", room: this.name, seq });
    void this.#o.device.set(`read:${this.name}`, seq).catch(() => undefined); // on failure they are unread again after a restart
  }

  /** Fetches older messages: one page, or all from a number on while the room is open. The timeline shows the result. */
  older(from = Infinity): Promise<void> {
    this.#target = Math.min(this.#target, from);
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  /** Accepts a message that the hub has delivered. */
  receive(message: Message): void {
    if (this.#closed) return;
    this.#arrived.push(message);
    const wait = this.#flushed + renderInterval - Date.now(); // negative or too long if the device's clock was changed
    this.#flushing ??= setTimeout(() => this.#flush(), Math.min(renderInterval, Math.max(0, wait)));
  }

  /** Reads the room over a connection: missing messages first, then new ones. Rejects with a Failure. May be called again. */
  async sync(hub: Hub): Promise<void> {
    await this.#loaded;
    this.#attach(hub);
    const had = this.#log.last; // the log may grow beyond the answer's last_seq meanwhile
    try {
      const { last_seq, oldest_seq } = await hub.join(this.name);
      if (last_seq < had || (last_seq - had > near && (await this.#isAnother(had)))) await this.#forget();
      this.#oldest = Math.max(1, oldest_seq);
      if (this.timeline.get().read < 0) this.read(last_seq); // a room that is new on this device has no unread messages
      this.#show({ last: last_seq, refused: null });
      if (this.#opened > 0 && this.timeline.get().mark === null) this.#show({ mark: this.#unread() });
      await this.#catchUp(hub, last_seq);
    } catch (error) {
      const failure = Failure.of(error);
      if (failure.trouble !== "rejected") throw failure;
      this.#show({ refused: failure.message });
    }
  }

  #attach(hub: Hub): void {
    if (this.#hub === hub || this.#closed) return;
    this.#hub = hub;
    void hub.closed.then(() => {
      if (this.#hub === hub) this.#hub = undefined;
    });
  }

  /** Reads on from the cursor if few messages are missing. Otherwise it starts with the newest page. */
  async #catchUp(hub: Hub, last: number): Promise<void> {
    if (last === 0) return;
    const cursor = this.#log.last;
    if (cursor > 0 && last - cursor <= near && cursor + 1 >= this.#oldest) {
      await hub.join(this.name, cursor - 1); // the last message is sent again and shows whether this is the same log
      return;
    }
    const page = await this.#o.api.page(this.name, pageSize);
    this.#keep(this.#log.reset(page.messages, page.messages.at(-1)?.seq ?? page.last_seq));
    this.#watchGap();
  }

  /** Whether the server has another message with the same number. Then it is another server, or was restored from an older copy. */
  async #isAnother(seq: number): Promise<boolean> {
    const page = seq === 0 ? undefined : await this.#o.api.page(this.name, 1, seq + 1);
    return page !== undefined && page.messages.some((m) => this.#log.contradicts(m));
  }

  async #load(): Promise<void> {
    const { device } = this.#o;
    try {
      const [newest, read, draft] = await Promise.all([
        device.history(this.name, pageSize), device.get(`read:${this.name}`), device.get(`draft:${this.name}`),
      ]);
      const waited = this.#log.reset(newest).slice(newest.length); // messages that arrived before the device answered
      this.#reportArrived(newest);
      if (read !== undefined) this.#haveRead(read);
      this.#keep(waited);
      if (draft !== undefined && this.draft.get() === "") this.draft.set(draft);
      this.#prune();
    } catch {
      // The device cannot be read now. The server has everything but the draft.
    }
    this.#show({ last: this.#log.last });
    this.#show({ loaded: true, mark: this.#opened > 0 ? this.#unread() : null });
  }

  async #forget(): Promise<void> {
    this.#log.clear();
    this.#show({ last: 0, read: -1, mark: null });
    await this.#o.device.prune(this.name, 0).catch(() => undefined); // on failure the old log is found and dropped again
  }

  /** Shows and stores the received messages. */
  #flush(): void {
    this.#flushing = undefined;
    this.#flushed = Date.now();
    const arrived = this.#arrived;
    this.#arrived = [];
    if (arrived.some((m) => this.#log.contradicts(m))) return void this.#forget().then(() => this.#hub?.stop()); // the next connection reads the room from the start
    this.#keep(this.#log.add(arrived));
    this.#watchGap();
  }

  /** Shows the log and stores its new messages. */
  #keep(added: readonly Message[]): void {
    if (added.length === 0) return;
    void this.#o.device.keep(this.name, added).catch(() => undefined); // on failure they can be fetched again
    if (this.#opened === 0) this.#log.trim(remembered);
    this.#unpruned += added.length;
    if (this.#unpruned >= kept) this.#prune();
    this.#reportArrived(added);
    this.#show({});
    this.#readOwn(added);
  }

  #trimLog(): void {
    this.#log.trim(kept);
    this.#show({});
  }

  #prune(): void {
    this.#unpruned = 0;
    void this.#o.device.prune(this.name, kept).catch(() => undefined); // on failure it is tried again later
  }

  /** Reports to the outbox which messages are in the log now. */
  #reportArrived(added: readonly Message[]): void {
    const newest = added.at(-1);
    const own = added.filter((m) => m.client_id === this.#o.client).map((m) => m.id);
    if (newest !== undefined) this.#o.outbox.arrived(this.name, own, newest.sent_at);
  }

  /** Marks the client's own messages as read if all messages before them are read. */
  #readOwn(added: readonly Message[]): void {
    let { read } = this.timeline.get();
    for (const m of added) if (m.seq === read + 1 && m.client_id === this.#o.client) read = m.seq;
    this.read(read);
  }

  /** Watches a gap. If it is not filled in time, the room is read again, as often as needed while the connection lives. */
  #watchGap(): void {
    if (!this.#log.gap || this.#gap !== undefined || this.#hub === undefined) return;
    const { last } = this.#log;
    this.#gap = setTimeout(() => {
      this.#gap = undefined;
      const hub = this.#log.last === last ? this.#hub : undefined;
      const repaired = hub === undefined ? Promise.resolve() : this.sync(hub).catch(() => undefined);
      void repaired.then(() => this.#watchGap());
    }, gapTimeout);
  }

  async #fetch(): Promise<void> {
    await this.#loaded;
    this.#paging = "loading";
    this.#show({});
    try {
      while ((await this.#page()) && this.#opened > 0 && this.#log.first > this.#target);
      this.#paging = "some";
    } catch {
      this.#paging = "failed";
    }
    this.#target = Infinity;
    this.#show({});
  }

  /** Fetches the page before the first message, from the device if it has one. Returns whether messages were added. */
  async #page(): Promise<boolean> {
    const { first } = this.#log;
    if (first <= this.#oldest) return false;
    const here = await this.#o.device.history(this.name, near, first).catch(() => []);
    if (here.length > 0) return this.#prepend(here);
    const page = await this.#o.api.page(this.name, near, first);
    if (this.#log.first !== first) return false; // the log was replaced meanwhile
    const before = page.messages.at(-1)?.seq === first - 1;
    this.#oldest = before ? Math.max(1, page.oldest_seq) : first; // otherwise the server no longer has the messages before it
    void this.#o.device.keep(this.name, page.messages).catch(() => undefined); // on failure they can be fetched again
    return this.#prepend(page.messages);
  }

  #prepend(messages: readonly Message[]): boolean {
    const { first } = this.#log;
    this.#log.prepend(messages);
    this.#reportArrived(messages);
    return this.#log.first < first;
  }

  #noteDraft(text: string): void {
    this.draft.set(text);
    this.#o.tabs.post({ is: "draft", room: this.name, text });
  }

  #keepDraft(text: string): void {
    void this.#o.device.set(`draft:${this.name}`, text === "" ? undefined : text).catch(() => undefined); // on failure the draft is in memory only
  }

  #haveRead(seq: number): boolean {
    if (seq <= this.timeline.get().read) return false;
    this.#show({ read: seq });
    return true;
  }

  /** Returns the number after which the unread messages begin; null if none is unread. */
  #unread(): number | null {
    const { read, last } = this.timeline.get();
    return read >= 0 && read < last ? read : null;
  }

  #own(): readonly Outgoing[] {
    return this.#o.outbox.outgoing.get().filter((m) => m.room === this.name);
  }

  #outgoing(): void {
    const own = this.#own();
    const shown = this.timeline.get().outgoing;
    if (own.length !== shown.length || own.some((m, i) => m !== shown[i])) this.#show({});
  }

  #show(change: Partial<Timeline>): void {
    const shown = { ...this.timeline.get(), ...change };
    const older = this.#log.first > this.#oldest ? this.#paging : "none";
    const last = Math.max(shown.last, this.#log.last);
    this.timeline.set({ ...shown, older, last, messages: this.#log.messages, outgoing: this.#own() });
  }
}
