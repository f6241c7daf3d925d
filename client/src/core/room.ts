import type { Api, Page } from "./api";
import { Store } from "./store";
import type { Device, TabEvent, Tabs } from "./device";
import { Failure } from "./failure";
import type { Cursor, Hub, Joined } from "./hub";
import { Log } from "./log";
import { ownIDs, sendable, type Message, type Outgoing } from "./message";
import type { Outbox } from "./outbox";
import { kept, Records } from "./records";
import { earliest, emptyTimeline, unreadAfter, type Timeline } from "./timeline";

/** The size of a page when a room is opened. */
const pageSize = 100;
/** The size of a page of older messages. */
const olderPageSize = 500;
/** The largest number of missing messages that are read from the cursor. */
const mostFromCursor = 500;
/** How many messages stay in memory while the room is not open. */
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
  readonly timeline: Store<Timeline>;
  readonly draft = new Store("");
  readonly #o: RoomOptions;
  readonly #log = new Log();
  readonly #records: Records;
  readonly #off: (() => void)[];
  readonly #loaded: Promise<void>;
  #hub: Hub | undefined;
  /** What another tab has read in an epoch that this one may not know yet. */
  #readThere: { readonly seq: number; readonly epoch?: string | undefined } | undefined;
  /** The number of the oldest message on the server. */
  #oldest = 1;
  #opened = 0;
  #closed = false;
  #arrived: Message[] = [];
  #flushed = 0;
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #gap: ReturnType<typeof setTimeout> | undefined;
  #paging: "some" | "loading" | "failed" = "some";
  #fetching: Promise<void> | undefined;
  /** The number of the oldest message to fetch. */
  #target = Infinity;

  constructor(options: RoomOptions) {
    this.name = options.name;
    this.#o = options;
    this.#records = new Records(options.device, options.name, options.client);
    this.timeline = new Store<Timeline>({ ...emptyTimeline, outgoing: this.#own() });
    this.#off = [
      options.outbox.outgoing.subscribe(() => this.#outgoing()),
      options.tabs.subscribe((event) => this.#onTabEvent(event)),
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
    this.#show({ open: true, mark: this.timeline.get().loaded ? unreadAfter(this.timeline.get()) : null });
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
    if (this.draft.get() === "") this.#records.draft(""); // not earlier: if the page closed in between, the text would be lost
  }

  /** Stores the draft. */
  write(text: string): void {
    if (text === this.draft.get()) return;
    this.#noteDraft(text);
    this.#records.draft(text);
  }

  /** Marks the messages up to this number as read. */
  read(seq: number): void {
    if (!this.#haveRead(seq)) return;
    if (seq === this.#log.last && this.#log.messages.length > 2 * kept) {
      this.#log.trim(kept); // a room may stay open for weeks, and memory is limited
      this.#show({});
    }
    this.#o.tabs.post({ is: "read", room: this.name, seq, epoch: this.#records.epoch });
    this.#records.read(seq);
  }

  /** Dismisses the notice that the server has gone back, in all tabs. */
  dismiss(): void {
    this.#show({ wentBack: null });
    this.#o.tabs.post({ is: "dismissed", room: this.name });
    this.#records.back(undefined);
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
      const joined = await hub.join(this.name);
      const { last_seq, oldest_seq } = joined;
      if (await this.#isAnother(joined, Math.min(had, this.#log.last))) await this.#goBack(hub, joined);
      else this.#adopt(joined.epoch);
      this.#oldest = oldest_seq === 0 ? last_seq + 1 : oldest_seq;
      if (this.timeline.get().read < 0) this.read(last_seq); // a room that is new on this device has no unread messages
      this.#show({ last: last_seq, refused: null });
      if (this.#opened > 0 && this.timeline.get().mark === null) this.#show({ mark: unreadAfter(this.timeline.get()) });
      await this.#catchUp(hub, joined);
    } catch (error) {
      const failure = Failure.of(error);
      if (failure.trouble !== "rejected") throw failure;
      this.#show({ refused: failure.message });
    }
  }

  #attach(hub: Hub): void {
    if (this.#hub === hub || this.#closed) return;
    clearTimeout(this.#flushing);
    if (this.#arrived.length > 0) this.#flush(); // what the last connection has delivered may be of another epoch than what this one delivers
    this.#hub = hub;
    void hub.closed.then(() => {
      if (this.#hub === hub) this.#hub = undefined;
    });
  }

  /** Reads on from the cursor if few messages are missing. Otherwise it starts with the newest page. */
  async #catchUp(hub: Hub, { last_seq, epoch }: Joined): Promise<void> {
    if (last_seq === 0) return;
    const last = this.#log.last;
    if (last > 0 && last_seq - last <= mostFromCursor && last + 1 >= this.#oldest) {
      const after = Math.max(last, this.#oldest) - 1; // the last message is sent again and shows whether this is the same log
      const { reset } = await hub.join(this.name, epoch === undefined ? after : { after, epoch });
      if (reset !== undefined) throw new Failure("later", "the log has changed between the two joins");
      return;
    }
    const page = await this.#o.api.page(this.name, pageSize);
    this.#mustBePresent(page);
    this.#keep(this.#log.reset(page.messages, page.messages.at(-1)?.seq ?? page.last_seq));
    this.#show({}); // also if no message is left
    this.#watchGap();
  }

  /**
   * Whether the server's log is not the one that ends with the message `had` here. The epochs show it. If one is not known, or
   * all files of a server were replaced by older copies, which have the same epoch, the server's message of that number shows it.
   */
  async #isAnother({ last_seq, epoch }: Joined, had: number): Promise<boolean> {
    const known = this.#records.epoch;
    if (last_seq < had || (epoch ?? known) !== (known ?? epoch)) return true;
    const adopts = known === undefined && epoch !== undefined;
    if (had === 0 || (!adopts && last_seq - had <= mostFromCursor)) return false; // catching up compares
    const { messages } = await this.#o.api.page(this.name, 1, had + 1);
    return messages.some((m) => this.#log.contradicts(m));
  }

  /** Drops the log, because the server has gone back to an earlier state or is another one. What is read is cut to what is still there. */
  async #goBack(hub: Hub, { epoch, last_seq }: Joined): Promise<void> {
    const { epoch: before } = this.#records;
    const [{ last, messages }, { read }] = [this.#log, this.timeline.get()];
    this.#drop(epoch);
    if (last === 0) return;
    this.#notice("");
    const after =
      before === undefined || epoch === undefined ? undefined : await this.#begun(hub, { after: last, epoch: before });
    if (after === undefined || read < 0) return;
    this.#notice(messages.find((m) => m.seq === after)?.sent_at ?? "");
    const there = this.#readThere?.epoch === epoch ? this.#readThere?.seq : undefined;
    const cut = there ?? Math.max(Math.min(read, after), last_seq - pageSize); // not more is unread than the newest page
    this.#show({ read: cut });
    this.#records.read(cut);
  }

  /** Returns the number after which a cursor of another epoch goes on. Then the room is read from now on again. */
  async #begun(hub: Hub, cursor: Cursor): Promise<number | undefined> {
    const { reset } = await hub.join(this.name, cursor);
    await hub.join(this.name);
    return reset?.after;
  }

  #drop(epoch: string | undefined): void {
    if (epoch === this.#records.epoch) this.#records.prune(0);
    else this.#records.begin(epoch);
    this.#log.clear();
    this.#show({ last: 0, read: -1, mark: null });
  }

  /** Records that the server has gone back. An earlier notice that was not dismissed stays if it names an earlier time. */
  #notice(after: string): void {
    const wentBack = earliest(this.timeline.get().wentBack, after);
    this.#show({ wentBack });
    this.#records.back(wentBack);
  }

  /** Records the epoch of a log whose epoch was not known. */
  #adopt(epoch: string | undefined): void {
    if (epoch === undefined || epoch === this.#records.epoch) return;
    this.#records.begin(epoch);
    this.#records.keep(this.#log.messages);
  }

  /** Throws if a page is of another epoch than the log. The next connection then shows in which one the server is. */
  #mustBePresent({ epoch }: Page): void {
    if (epoch === undefined || epoch === (this.#records.epoch ?? epoch)) return;
    void this.#hub?.stop();
    throw new Failure("later", "the server has begun another epoch");
  }

  async #load(): Promise<void> {
    try {
      const { newest, read, draft, back } = await this.#records.load(pageSize);
      if (back !== undefined) this.#show({ wentBack: back });
      const waited = this.#log.reset(newest).slice(newest.length); // messages that arrived before the device answered
      this.#reportArrived(newest);
      if (read !== undefined) this.#haveRead(read);
      this.#keep(waited);
      if (draft !== undefined && this.draft.get() === "") this.draft.set(draft);
      this.#records.prune();
    } catch {
      // The device cannot be read now. The server has everything but the draft.
    }
    this.#show({ last: this.#log.last });
    this.#show({ loaded: true, mark: this.#opened > 0 ? unreadAfter(this.timeline.get()) : null });
  }

  /** Shows and stores the received messages. */
  #flush(): void {
    this.#flushing = undefined;
    this.#flushed = Date.now();
    const arrived = this.#arrived;
    this.#arrived = [];
    if (arrived.some((m) => this.#log.contradicts(m))) {
      this.#drop(this.#records.epoch);
      this.#notice("");
      return void this.#hub?.stop(); // the next connection reads the room from the start
    }
    this.#keep(this.#log.add(arrived));
    this.#watchGap();
  }

  /** Shows the log and stores its new messages. */
  #keep(added: readonly Message[]): void {
    if (added.length === 0) return;
    this.#records.keep(added);
    if (this.#opened === 0) this.#log.trim(remembered);
    this.#reportArrived(added);
    this.#show({});
    this.#readOwn(added);
  }

  /** Reports to the outbox which messages are in the log now. */
  #reportArrived(added: readonly Message[]): void {
    const newest = added.at(-1);
    if (newest !== undefined) this.#o.outbox.arrived(this.name, ownIDs(added, this.#o.client), newest.sent_at);
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
    const [{ first }, { epoch }] = [this.#log, this.#records];
    if (first <= this.#oldest) return false;
    const here = await this.#records.history(olderPageSize, first);
    const page = here.length > 0 ? undefined : await this.#o.api.page(this.name, olderPageSize, first);
    if (this.#log.first !== first || this.#records.epoch !== epoch) return false; // the log was replaced meanwhile
    if (page === undefined) return this.#prepend(here);
    this.#mustBePresent(page);
    const before = page.messages.at(-1)?.seq === first - 1;
    this.#oldest = before ? Math.max(1, page.oldest_seq) : first; // otherwise the server no longer has the messages before it
    this.#records.keep(page.messages);
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

  #onTabEvent(event: TabEvent): void {
    if (!("room" in event) || event.room !== this.name) return;
    if (event.is === "draft") this.draft.set(event.text);
    if (event.is === "dismissed") this.#show({ wentBack: null });
    if (event.is !== "read") return;
    this.#readThere = event;
    const { epoch = event.epoch } = this.#records;
    if ((event.epoch ?? epoch) === epoch) this.#haveRead(event.seq);
  }

  #haveRead(seq: number): boolean {
    if (seq <= this.timeline.get().read) return false;
    this.#show({ read: seq });
    return true;
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
    const { messages } = this.#log;
    this.timeline.set({ ...shown, older, last, oldest: this.#oldest, messages, outgoing: this.#own() });
  }
}
