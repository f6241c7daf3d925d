import type { Api } from "./api";
import { Cell } from "./cell";
import type { Device, Tabs } from "./device";
import { Failure } from "./failure";
import type { Hub } from "./hub";
import { Log } from "./log";
import { sendable, type Message, type Outgoing } from "./message";
import type { Outbox } from "./outbox";

/** What a room shows. */
export interface Timeline {
  /** An unbroken run of the log, ascending, that ends with the newest message at hand. */
  readonly messages: readonly Message[];
  /** One's own messages that have not come back yet, in the order in which they were written. */
  readonly outgoing: readonly Outgoing[];
  /** Whether there are older messages, and whether they are being fetched. */
  readonly older: "none" | "some" | "loading" | "failed";
  /** The number of the room's newest message, as far as this device knows. */
  readonly last: number;
  /** The number of the last message that was read. */
  readonly read: number;
  /** What was read when the room was opened, or caught up while open, if there was more: the unread messages begin after it. */
  readonly mark: number | null;
  /** Whether somebody looks at the room. */
  readonly open: boolean;
  /** Whether what is kept on the device has been looked up. */
  readonly loaded: boolean;
  /** Why the server does not let this client read the room. */
  readonly refused: string | null;
}

/** Messages of a page of history, and how far a room may be behind to be caught up message by message. */
const pageSize = 100;
const near = 500;
/** Messages that the device keeps of a room, and those that stay in memory while nobody looks. */
const kept = 5_000;
const remembered = 200;
/** The room is shown anew once in this time, in milliseconds, however much comes. */
const beat = 40;
/** How long a gap may stay as it is until the room is read anew. The hub leaves none; something in between might. */
const patience = 3_000;

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
  /** The number of the oldest message that there is. */
  #oldest = 1;
  #opened = 0;
  #closed = false;
  #arrived: Message[] = [];
  #flushed = 0;
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #gap: ReturnType<typeof setTimeout> | undefined;
  /** How many messages the device has been given since it was pruned. */
  #unpruned = 0;
  #paging: "some" | "loading" | "failed" = "some";
  #fetching: Promise<void> | undefined;
  /** The number back to which messages are fetched. */
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

  /** Says that the room is being looked at, until the function that it returns is called. */
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

  /** Sends a text; it is kept on this device when the promise resolves. Rejects, and does nothing, if it is not sendable. */
  async send(text: string): Promise<void> {
    const msg = sendable(text);
    const kept = this.#o.outbox.add(this.name, msg);
    this.#show({ mark: null });
    this.#noteDraft("");
    await kept;
    if (this.draft.get() === "") this.#keepDraft(""); // not before: the device may take this first, and then the page may go
  }

  /** Notes what has been written and not sent yet. */
  write(text: string): void {
    if (text === this.draft.get()) return;
    this.#noteDraft(text);
    this.#keepDraft(text);
  }

  /** Notes that the messages up to this number have been read. */
  read(seq: number): void {
    if (!this.#haveRead(seq)) return;
    if (seq === this.#log.last && this.#log.messages.length > 2 * kept) this.#letGo(); // a room may stay open for weeks
    this.#o.tabs.post({ is: "read", room: this.name, seq });
    void this.#o.device.set(`read:${this.name}`, seq).catch(() => undefined); // then they are shown as unread once more
  }

  /** Fetches older messages: a page, or while the room is open all from a number on. The timeline tells how it went. */
  older(from = Infinity): Promise<void> {
    this.#target = Math.min(this.#target, from);
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  /** Takes a message that the hub has delivered. */
  receive(message: Message): void {
    if (this.#closed) return;
    this.#arrived.push(message);
    const wait = this.#flushed + beat - Date.now(); // the device's clock may have been set back since
    this.#flushing ??= setTimeout(() => this.#flush(), Math.min(beat, Math.max(0, wait)));
  }

  /** Reads the room over a connection: what is missing first, then what comes. Rejects with a Failure; may be called again. */
  async sync(hub: Hub): Promise<void> {
    await this.#loaded;
    this.#attach(hub);
    const had = this.#log.last; // it may grow meanwhile beyond what the answer says
    try {
      const { last_seq, oldest_seq } = await hub.join(this.name);
      if (last_seq < had || (last_seq - had > near && (await this.#isAnother(had)))) await this.#forget();
      this.#oldest = Math.max(1, oldest_seq);
      if (this.timeline.get().read < 0) this.read(last_seq); // a room that is new here has nothing unread
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

  /** A room that is a little behind reads on from its cursor; one that is far behind begins with the newest page. */
  async #catchUp(hub: Hub, last: number): Promise<void> {
    if (last === 0) return;
    const cursor = this.#log.last;
    if (cursor > 0 && last - cursor <= near && cursor + 1 >= this.#oldest) {
      await hub.join(this.name, cursor - 1); // the last message comes again: it shows whether this is the same log
      return;
    }
    const page = await this.#o.api.page(this.name, pageSize);
    this.#keep(this.#log.reset(page.messages, page.messages.at(-1)?.seq ?? page.last_seq));
    this.#mind();
  }

  /** Whether the server has another message with a number of this log: it is another server, or set back to an older copy. */
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
      const waited = this.#log.reset(newest).slice(newest.length); // delivered before this was read
      this.#tell(newest);
      if (read !== undefined) this.#haveRead(read);
      this.#keep(waited);
      if (draft !== undefined && this.draft.get() === "") this.draft.set(draft);
      this.#prune();
    } catch {
      // The device keeps nothing now: the server has everything but the draft.
    }
    this.#show({ last: this.#log.last });
    this.#show({ loaded: true, mark: this.#opened > 0 ? this.#unread() : null });
  }

  async #forget(): Promise<void> {
    this.#log.clear();
    this.#show({ last: 0, read: -1, mark: null });
    await this.#o.device.prune(this.name, 0).catch(() => undefined); // then it is found again, and forgotten again
  }

  /** Shows and keeps what has arrived. */
  #flush(): void {
    this.#flushing = undefined;
    this.#flushed = Date.now();
    const arrived = this.#arrived;
    this.#arrived = [];
    if (arrived.some((m) => this.#log.contradicts(m))) return void this.#forget().then(() => this.#hub?.stop()); // and begins anew
    this.#keep(this.#log.add(arrived));
    this.#mind();
  }

  /** Shows the log as it is now, and keeps what is new in it. */
  #keep(added: readonly Message[]): void {
    if (added.length === 0) return;
    void this.#o.device.keep(this.name, added).catch(() => undefined); // it can be fetched again
    if (this.#opened === 0) this.#log.trim(remembered);
    this.#unpruned += added.length;
    if (this.#unpruned >= kept) this.#prune();
    this.#tell(added);
    this.#show({});
    this.#passOwn(added);
  }

  #letGo(): void {
    this.#log.trim(kept);
    this.#show({});
  }

  #prune(): void {
    this.#unpruned = 0;
    void this.#o.device.prune(this.name, kept).catch(() => undefined); // then the next time
  }

  /** Tells the outbox which messages are in the log now. */
  #tell(added: readonly Message[]): void {
    const newest = added.at(-1);
    const own = added.filter((m) => m.client_id === this.#o.client).map((m) => m.id);
    if (newest !== undefined) this.#o.outbox.arrived(this.name, own, newest.sent_at);
  }

  /** One's own messages are not unread when all before them has been read. */
  #passOwn(added: readonly Message[]): void {
    let { read } = this.timeline.get();
    for (const m of added) if (m.seq === read + 1 && m.client_id === this.#o.client) read = m.seq;
    this.read(read);
  }

  /** Minds a gap: if nothing fills it, the room is read anew, again and again while the connection lives. */
  #mind(): void {
    if (!this.#log.gap || this.#gap !== undefined || this.#hub === undefined) return;
    const { last } = this.#log;
    this.#gap = setTimeout(() => {
      this.#gap = undefined;
      const hub = this.#log.last === last ? this.#hub : undefined;
      const repaired = hub === undefined ? Promise.resolve() : this.sync(hub).catch(() => undefined);
      void repaired.then(() => this.#mind());
    }, patience);
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

  /** Fetches the page before the first message, from the device if it is there. Tells whether there was one. */
  async #page(): Promise<boolean> {
    const { first } = this.#log;
    if (first <= this.#oldest) return false;
    const here = await this.#o.device.history(this.name, near, first).catch(() => []);
    if (here.length > 0) return this.#prepend(here);
    const page = await this.#o.api.page(this.name, near, first);
    if (this.#log.first !== first) return false; // it has begun anew meanwhile
    const before = page.messages.at(-1)?.seq === first - 1;
    this.#oldest = before ? Math.max(1, page.oldest_seq) : first; // what was before it is not kept any more
    void this.#o.device.keep(this.name, page.messages).catch(() => undefined); // it can be fetched again
    return this.#prepend(page.messages);
  }

  #prepend(messages: readonly Message[]): boolean {
    const { first } = this.#log;
    this.#log.prepend(messages);
    this.#tell(messages);
    return this.#log.first < first;
  }

  #noteDraft(text: string): void {
    this.draft.set(text);
    this.#o.tabs.post({ is: "draft", room: this.name, text });
  }

  #keepDraft(text: string): void {
    void this.#o.device.set(`draft:${this.name}`, text === "" ? undefined : text).catch(() => undefined); // it is in memory
  }

  #haveRead(seq: number): boolean {
    if (seq <= this.timeline.get().read) return false;
    this.#show({ read: seq });
    return true;
  }

  /** After which message the unread ones begin, if there are any. */
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
