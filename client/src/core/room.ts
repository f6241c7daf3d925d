import type { Api, Page } from "./api";
import type { Device, TabEvent, Tabs } from "./device";
import { Draft } from "./draft";
import type { Hub } from "./hub";
import type { JoinedChange, JoinedRooms } from "./joined";
import { LiveSync, pageSize } from "./live";
import { Log } from "./log";
import { isUnsent, ownIDs, sendable, type Message, type Outgoing } from "./message";
import type { Outbox } from "./outbox";
import { Paging } from "./paging";
import { ReadMark } from "./readmark";
import { kept, Records, type RecordReader } from "./records";
import { isSame, Store } from "./store";
import { after } from "./throttle";
import { emptyTimeline, type Timeline } from "./timeline";
import { LogWindow } from "./window";

/** How many messages stay in memory while the room is not open. */
const remembered = 200;
/** The largest number of messages in memory. */
const most = 2 * kept;
/** How long an opened room waits for the rest of its first page, in milliseconds. */
const longestWait = 1_000;
/** How many messages before and after the reader's place stay visible when those in memory become too many. */
const placeSize = 250;

export interface RoomOptions {
  readonly name: string;
  readonly client: string;
  readonly device: Device;
  readonly reader: RecordReader;
  readonly tabs: Tabs;
  readonly joined: JoinedRooms;
  readonly api: Pick<Api, "page" | "newer">;
  readonly outbox: Outbox;
  /** Called with unread messages of others that have come while the app was running. */
  readonly arrived: (messages: readonly Message[]) => void;
}

/** One room as one client sees it: it composes its parts, and shows their state as a timeline. */
export class Room {
  readonly name: string;
  readonly timeline: Store<Timeline>;
  readonly draft: Store<string>;
  readonly #o: RoomOptions;
  readonly #log = new Log();
  readonly #records: Records;
  readonly #draft: Draft;
  readonly #mark: ReadMark;
  readonly #live: LiveSync;
  readonly #paging: Paging;
  readonly #window: LogWindow;
  readonly #off: (() => void)[];
  #loading: Promise<void> | undefined;
  /** Whether the device was asked for what it has, even if it did not answer. */
  #loaded = false;
  /** Whether the newest page has been read from the device. */
  #deep = false;
  #opened = 0;
  #wasOpened = false;
  /** The number of the last message that the user has passed, in either direction. */
  #place = 0;

  constructor(options: RoomOptions) {
    const { name, client, device, reader, tabs, joined, api, outbox } = options;
    this.name = name;
    this.#o = options;
    const changed = () => this.#show();
    const load = () => this.load();
    const records = new Records(device, reader, name, client);
    const mark = new ReadMark({ room: name, client, joined, records, changed, last: () => this.#live.last });
    const mustBePresent = (page: Page) => this.#live.mustBePresent(page);
    const prepended = (messages: readonly Message[]) => this.#prepended(messages);
    const isOpen = () => this.#opened > 0;
    const parts = { room: name, api, log: this.#log, records, load, changed, isOpen, mustBePresent, prepended };
    this.#records = records;
    this.#mark = mark;
    this.#draft = new Draft(name, tabs, records);
    this.draft = this.#draft.text;
    const keep = (added: readonly Message[]) => this.#keep(added);
    this.#live = new LiveSync({
      ...parts,
      mark,
      keep,
      needsWholePage: () => this.#wasOpened || this.#own().length > 0,
      dropped: () => this.#window.close(),
    });
    this.#paging = new Paging(parts);
    this.#window = new LogWindow(parts);
    this.timeline = new Store<Timeline>({ ...emptyTimeline, outgoing: this.#own() });
    this.#off = [
      outbox.outgoing.subscribe(() => this.#outgoing()),
      tabs.subscribe((event) => this.#onTabEvent(event)),
      joined.subscribe((change) => this.#onElsewhere(change)),
    ];
    void this.load();
  }

  /** Whether the device has been read. What it could not tell is not overwritten. */
  get known(): boolean {
    return this.#records.known;
  }

  /** How many unread messages mention the client, see Summary.mentions. */
  get mentions(): number {
    return this.#mark.mentions;
  }

  close(): void {
    this.#live.close();
    for (const off of this.#off) off();
  }

  /** Marks the room as open until the returned function is called. */
  open(): () => void {
    let open = true;
    this.#opened++;
    this.#wasOpened = true;
    this.#mark.setOpen(true);
    void this.#deepen();
    return () => {
      if (!open) return;
      open = false;
      if (--this.#opened > 0) return;
      this.#window.close();
      this.#log.trim(remembered);
      this.#mark.setOpen(false);
    };
  }

  /** Somebody looks at the room, until the returned function is called. Nothing is read because of that alone. */
  attend(): () => void {
    return this.#mark.attend();
  }

  /** The user has passed the message of this number. Those before it are read, too. */
  read(seq: number): void {
    this.#place = seq;
    this.#mark.pass(seq);
    if (seq < this.#log.last || this.#log.messages.length <= most) return;
    this.#log.trim(kept); // a room may stay open for weeks, and memory is limited
    this.#show();
  }

  /** Sends a text. It is stored on this device when the promise resolves. Rejects and does nothing if it is not sendable. */
  async send(text: string): Promise<void> {
    const msg = sendable(text);
    const stored = this.#o.outbox.add(this.name, msg);
    this.#mark.sent();
    await this.#draft.sent(stored);
  }

  /** Stores the draft. */
  write(text: string): void {
    this.#draft.write(text);
  }

  /** Dismisses the notice that the server has gone back, in all tabs. */
  dismiss(): void {
    this.#live.dismiss();
    this.#o.tabs.post({ is: "dismissed", room: this.name });
    this.#records.back(undefined);
  }

  /** Fetches older messages: one page, or all from a number on while the room is open. The timeline shows the result. */
  older(from = Infinity): Promise<void> {
    return this.#window.state === null ? this.#paging.fetch(from) : this.#window.older();
  }

  /** Fetches the page after the window, if there is one. */
  newer(): Promise<void> {
    return this.#window.newer();
  }

  /** Shows the part of the log around a number: in a window, unless the number is among the newest messages, which are in memory. */
  jump(seq: number): Promise<void> {
    return this.#window.open(seq);
  }

  /** Shows the newest messages again. */
  toNewest(): void {
    this.#window.close();
  }

  /** Accepts a message that the hub has delivered. */
  receive(message: Message): void {
    this.#live.receive(message);
  }

  /** See LiveSync.compared. */
  get compared(): boolean {
    return this.#live.compared;
  }

  /** The newest message in memory. */
  get newest(): Message | undefined {
    return this.#log.messages.at(-1);
  }

  /** Notes the number of the newest message of a room that is not joined. Returns false if the log is another one, so that it must be joined. */
  told(last: number, epoch: string | undefined): boolean {
    return this.#live.told(last, epoch);
  }

  /** Fetches the newest messages of a room that is not joined. Returns false as `told` does. Rejects with a Failure. */
  peek(): Promise<boolean> {
    return this.#live.peek();
  }

  /** The connection no longer delivers the room. */
  detach(): void {
    this.#live.detach();
  }

  /** Reads the room over a connection: missing messages first, then new ones. Rejects with a Failure. May be called again. */
  sync(hub: Hub): Promise<void> {
    return this.#live.sync(hub);
  }

  /** Reads what the device has, if that has not succeeded yet. Resolves after the try, and never rejects. */
  load(): Promise<void> {
    if (this.known) return this.#loading ?? Promise.resolve();
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #load(): Promise<void> {
    const here = this.#records.epoch;
    const recorded = await this.#records.load().catch(() => undefined);
    this.#loaded = true;
    if (recorded === undefined) return this.#show(); // the server has everything but the draft
    const { newest, read, draft, epoch, back } = recorded;
    const another = this.#log.last > 0 && epoch !== here;
    if (another) this.#log.clear(); // the device could not be read earlier; the server's log is compared with what it has
    const waited = this.#log.reset(newest).slice(newest.length); // messages that arrived before the device answered
    this.#reportArrived([...newest, ...waited]); // before anything is shown: a message is never both in the log and waiting
    this.#live.loadNotice(back);
    this.#draft.load(draft);
    this.#mark.added(newest);
    this.#mark.load(read);
    this.#keep(waited);
    if (another && this.#live.hub !== undefined) void this.#live.sync(this.#live.hub).catch(() => undefined); // the next connection tries again
    const unsent = this.#own().some(isUnsent); // another tab may have kept one since the outbox was read
    if (this.#deep || unsent) void this.#deepen(); // it may have been opened before the device could be read
    this.#show();
  }

  /** Reads the newest page when the room is opened for the first time: until then its newest message is enough. */
  async #deepen(): Promise<void> {
    await this.load();
    const { first } = this.#log;
    const { epoch } = this.#records;
    const missing = () => (this.#log.first > this.#log.oldest ? pageSize - this.#log.messages.length : 0);
    const here = missing() > 0 ? await this.#records.history(missing(), first) : [];
    if (this.#log.first === first && this.#records.epoch === epoch) {
      this.#log.prepend(here);
      this.#prepended(here);
    }
    if (!this.#deep) this.#records.prune();
    if (missing() > 0 && this.#live.hub !== undefined)
      await within(longestWait, this.#paging.fetch(Infinity, missing()));
    this.#deep = true;
    this.#show();
  }

  /** Shows the log and stores its new messages. */
  #keep(added: readonly Message[]): void {
    if (added.length === 0) return;
    this.#records.keep(added);
    this.#limit();
    this.#reportArrived(added);
    this.#mark.added(added);
    this.#show();
    const { liveFrom = Infinity } = this.#live;
    const fresh = added.filter((m) => m.seq > liveFrom && m.seq > this.#mark.read && m.client_id !== this.#o.client);
    if (fresh.length > 0) this.#o.arrived(fresh);
  }

  /** Drops old messages from memory. If the reader is among them, their place stays visible in a window. */
  #limit(): void {
    if (this.#opened === 0) return this.#log.trim(remembered);
    if (this.#log.messages.length <= most) return;
    const { messages, first } = this.#log;
    this.#log.trim(kept);
    const place = Math.max(this.#place > 0 ? this.#place : this.#mark.read, first);
    if (place >= this.#log.first || this.#window.state !== null) return;
    const at = place - first;
    this.#window.show(
      place,
      messages.slice(Math.max(0, at - placeSize), Math.min(at + placeSize, messages.length - kept)),
    );
  }

  /** Reports to the outbox which messages are in the log now. */
  #reportArrived(added: readonly Message[]): void {
    const newest = added.at(-1);
    if (newest !== undefined) this.#o.outbox.arrived(this.name, ownIDs(added, this.#o.client), newest.sent_at);
  }

  #prepended(messages: readonly Message[]): void {
    this.#reportArrived(messages);
    this.#mark.added(messages);
  }

  #onTabEvent(event: TabEvent): void {
    this.#draft.onTabEvent(event);
    if (event.is === "dismissed" && event.room === this.name) this.#live.dismiss();
  }

  #onElsewhere(change: JoinedChange): void {
    if (change.is === "mark" && change.room === this.name) this.#mark.onElsewhere(change.mark);
  }

  #own(): readonly Outgoing[] {
    return this.#o.outbox.outgoing.get().filter((m) => m.room === this.name);
  }

  #outgoing(): void {
    const own = this.#own();
    const shown = this.timeline.get().outgoing;
    if (own.length !== shown.length || own.some((m, i) => m !== shown[i])) this.#show();
  }

  /** Shows the state of the parts. */
  #show(): void {
    const before = this.timeline.get();
    const own = this.#own();
    const timeline: Timeline = {
      messages: this.#log.messages,
      outgoing: own.length === 0 && before.outgoing.length === 0 ? before.outgoing : own,
      older: this.#paging.older,
      window: this.#window.state,
      last: this.#live.last,
      oldest: this.#log.oldest,
      read: this.#mark.read,
      mark: this.#mark.mark,
      open: this.#opened > 0,
      loaded: this.#loaded && this.#deep,
      wentBack: this.#live.wentBack,
      refused: this.#live.refused,
    };
    if (!isSame(before, timeline)) this.timeline.set(timeline);
  }
}

/** Resolves with the work, at the latest after a time. */
function within(milliseconds: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = after(milliseconds)(resolve);
    void work.then(cancel).then(resolve);
  });
}
