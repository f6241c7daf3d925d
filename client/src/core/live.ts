import type { Page } from "./api";
import { Failure, type Reason } from "./failure";
import type { Cursor, Hub, Joined } from "./hub";
import type { Message } from "./message";
import type { Parts } from "./parts";
import type { ReadMark } from "./readmark";
import { after, Throttle } from "./throttle";
import { earliest } from "./timeline";

/** The size of a page when a room is opened. */
export const pageSize = 100;
/** The size of the page of a room that is new on this device and was not opened yet. */
const firstPageSize = 20;
/** The largest number of missing messages that are read from the cursor. */
const mostFromCursor = 500;
/** The shortest time between two updates of the timeline by received messages, in milliseconds. */
const renderInterval = 40;
/** How long a gap may stay until the room is read again, in milliseconds. The hub leaves no gaps, but a proxy might. */
const gapTimeout = 3_000;

export interface LiveSyncOptions extends Omit<Parts, "mustBePresent" | "prepended"> {
  readonly mark: ReadMark;
  /** Whether more than the newest messages are needed: somebody has opened the room, or has a message in the outbox that is to be found in the log. */
  readonly needsWholePage: () => boolean;
  /** Shows and stores messages that are new in the log. */
  readonly keep: (added: readonly Message[]) => void;
  /** Called when the log is dropped, because the server's is another one. */
  readonly dropped: () => void;
}

/** Keeps a room's log equal to the server's: it joins, catches up, closes gaps, and begins again in another epoch. */
export class LiveSync {
  readonly #o: LiveSyncOptions;
  readonly #flushes = new Throttle(() => this.#flush(), after(0), after(renderInterval));
  #hub: Hub | undefined;
  #closed = false;
  /** The number of the newest message that the server has told of. */
  #last = 0;
  #liveFrom: number | undefined;
  #compared = true;
  #arrived: Message[] = [];
  #gap: ReturnType<typeof setTimeout> | undefined;
  #wentBack: string | null = null;
  #refused: Reason | null = null;

  constructor(options: LiveSyncOptions) {
    this.#o = options;
  }

  get hub(): Hub | undefined {
    return this.#hub;
  }

  /** The number of the newest message that this device knows of. */
  get last(): number {
    return Math.max(this.#last, this.#o.log.last);
  }

  /** See Timeline.wentBack. */
  get wentBack(): string | null {
    return this.#wentBack;
  }

  /** See Timeline.refused. */
  get refused(): Reason | null {
    return this.#refused;
  }

  close(): void {
    this.#closed = true;
    this.#hub = undefined;
    this.#flushes.cancel();
    clearTimeout(this.#gap);
  }

  /** Takes the notice that the device has, or stores one that is newer. */
  loadNotice(stored: string | undefined): void {
    if (this.#wentBack === null) this.#wentBack = stored ?? null;
    else this.#notice(stored ?? this.#wentBack);
  }

  /** Forgets the notice. */
  dismiss(): void {
    this.#wentBack = null;
    this.#o.changed();
  }

  /** The connection no longer delivers the room. */
  detach(): void {
    this.#hub = undefined;
  }

  /** Notes what the server has told of a room that is not joined. Returns false if its log is another one, which only a join can repair. */
  told(last: number, epoch: string | undefined): boolean {
    const { records, mark } = this.#o;
    if (!records.known) return true;
    if (last < this.last || (epoch ?? records.epoch) !== (records.epoch ?? epoch)) return false;
    this.#begin(last);
    if (last === this.#last) return true;
    this.#last = last;
    mark.show();
    return true;
  }

  /** Fetches the newest messages of a room that is not joined. Returns false as `told` does. */
  async peek(): Promise<boolean> {
    const { room, api, log, records } = this.#o;
    const missing = log.last === 0 ? 1 : this.#last - log.last + 1; // the last one is fetched again and shows whether this is the same log
    const { messages, last_seq, oldest_seq, epoch } = await api.page(room, Math.max(1, Math.min(missing, pageSize)));
    if (!this.told(last_seq, epoch) || messages.some((m) => log.contradicts(m))) return false;
    if (records.epoch === undefined && log.last > 0 && epoch !== undefined) return false; // catching up compares the logs
    this.#adopt(epoch);
    log.oldest = Math.max(1, oldest_seq);
    this.#o.keep(log.reset(messages, messages.at(-1)?.seq ?? last_seq));
    return true;
  }

  /** Accepts a message that the hub has delivered. */
  receive(message: Message): void {
    if (this.#closed) return;
    this.#arrived.push(message);
    this.#flushes.request();
  }

  /** Reads the room over a connection: missing messages first, then new ones. Rejects with a Failure. May be called again. */
  async sync(hub: Hub): Promise<void> {
    const { room, log, mark, load, changed } = this.#o;
    await load();
    this.#attach(hub);
    const had = log.last; // the log may grow beyond the answer's last_seq meanwhile
    try {
      const joined = await hub.join(room);
      const { last_seq, oldest_seq } = joined;
      if (await this.#isAnother(joined, Math.min(had, log.last))) await this.#goBack(hub, joined);
      else this.#adopt(joined.epoch);
      log.oldest = oldest_seq === 0 ? last_seq + 1 : oldest_seq;
      this.#last = last_seq;
      this.#refused = null;
      this.#begin(last_seq);
      mark.show();
      await this.#catchUp(hub, joined);
    } catch (error) {
      const failure = Failure.of(error);
      if (failure.trouble !== "rejected" || failure.code === "too_many") throw failure; // another room may give its place
      this.#refused = failure.reason;
      changed();
    }
  }

  /**
   * Whether the last message was compared with the server's. That of a room that is not open need not be if the numbers and epochs are the
   * same. It must be when the room is opened, because older copies of a server's files have the same epoch.
   */
  get compared(): boolean {
    return this.#compared;
  }

  /** What follows this number has come while the app was running. Undefined until the server has told how long the log is. */
  get liveFrom(): number | undefined {
    return this.#liveFrom;
  }

  /** Throws if a page is of another epoch than the log. The next connection then shows in which one the server is. */
  mustBePresent({ epoch }: Page): void {
    if (epoch === undefined || epoch === (this.#o.records.epoch ?? epoch)) return;
    void this.#hub?.stop();
    throw new Failure("later", "the server has begun another epoch");
  }

  #begin(last: number): void {
    this.#liveFrom ??= last;
    this.#o.mark.begin(last);
  }

  #attach(hub: Hub): void {
    if (this.#hub === hub || this.#closed) return;
    if (this.#arrived.length > 0) this.#flushes.now(); // what the last connection has delivered may be of another epoch than what this one delivers
    this.#hub = hub;
    void hub.closed.then(() => {
      if (this.#hub === hub) this.#hub = undefined;
    });
  }

  /** Reads on from the cursor if few messages are missing. Otherwise it starts with the newest page. */
  async #catchUp(hub: Hub, { last_seq, epoch }: Joined): Promise<void> {
    const { room, api, log, records, keep, changed, isOpen, needsWholePage } = this.#o;
    const { last } = log;
    this.#compared = last !== last_seq || epoch === undefined || epoch !== records.epoch || isOpen();
    if (last_seq === 0 || !this.#compared) return;
    if (last > 0 && last_seq - last <= mostFromCursor && last + 1 >= log.oldest) {
      const seq = Math.max(last, log.oldest) - 1; // the last message is sent again and shows whether this is the same log
      const { reset } = await hub.join(room, epoch === undefined ? seq : { after: seq, epoch });
      if (reset !== undefined) throw new Failure("later", "the log has changed between the two joins");
      return;
    }
    const page = await api.page(room, last > 0 || needsWholePage() ? pageSize : firstPageSize);
    this.mustBePresent(page);
    keep(log.reset(page.messages, page.messages.at(-1)?.seq ?? page.last_seq));
    changed(); // also if no message is left
    this.#repairGapSoon();
  }

  /**
   * Whether the server's log is not the one that ends with the message `had` here. The epochs show it. If one is not known, or
   * all files of a server were replaced by older copies, which have the same epoch, the server's message of that number shows it.
   */
  async #isAnother({ last_seq, epoch }: Joined, had: number): Promise<boolean> {
    const known = this.#o.records.epoch;
    if (last_seq < had || (epoch ?? known) !== (known ?? epoch)) return true;
    const adopts = known === undefined && epoch !== undefined;
    if (had === 0 || (!adopts && last_seq - had <= mostFromCursor)) return false; // catching up compares
    const { messages } = await this.#o.api.page(this.#o.room, 1, had + 1);
    return messages.some((m) => this.#o.log.contradicts(m));
  }

  /** Drops the log, because the server has gone back to an earlier state or is another one. What is read is cut to what is still there. */
  async #goBack(hub: Hub, { epoch, last_seq }: Joined): Promise<void> {
    const { log, records, mark } = this.#o;
    const { epoch: before } = records;
    const { last, messages } = log;
    const { read } = mark;
    const stored = log.first > 1 ? records.history(pageSize, log.first) : []; // before they are dropped
    this.#drop(epoch);
    if (last === 0) return;
    this.#notice("");
    const begun =
      before === undefined || epoch === undefined ? undefined : await this.#begun(hub, { after: last, epoch: before });
    if (begun === undefined || read < 0) return;
    const newest = [...(await stored), ...messages].find((m) => m.seq === begun);
    this.#notice(newest?.sent_at ?? "");
    mark.goBackTo(Math.max(Math.min(read, begun), last_seq - pageSize)); // not more is unread than the newest page
  }

  /** Returns the number after which a cursor of another epoch goes on. Then the room is read from now on again. */
  async #begun(hub: Hub, cursor: Cursor): Promise<number | undefined> {
    const { reset } = await hub.join(this.#o.room, cursor);
    await hub.join(this.#o.room);
    return reset?.after;
  }

  #drop(epoch: string | undefined): void {
    const { log, records, mark, dropped, changed } = this.#o;
    if (epoch === records.epoch) records.prune(0);
    else records.begin(epoch);
    log.clear();
    this.#last = 0;
    this.#liveFrom = undefined;
    mark.forget();
    dropped();
    changed();
  }

  /** Records that the server has gone back. An earlier notice that was not dismissed stays if it names an earlier time. */
  #notice(time: string): void {
    this.#wentBack = earliest(this.#wentBack, time);
    this.#o.records.back(this.#wentBack);
    this.#o.changed();
  }

  /** Records the epoch of a log whose epoch was not known. */
  #adopt(epoch: string | undefined): void {
    const { log, records } = this.#o;
    if (epoch === undefined || epoch === records.epoch) return;
    records.begin(epoch);
    records.keep(log.messages);
  }

  /** Shows and stores the received messages. */
  #flush(): void {
    const { log, records, keep } = this.#o;
    const arrived = this.#arrived;
    this.#arrived = [];
    if (arrived.some((m) => log.contradicts(m))) {
      this.#drop(records.epoch);
      this.#notice("");
      return void this.#hub?.stop(); // the next connection reads the room from the start
    }
    keep(log.add(arrived));
    this.#repairGapSoon();
  }

  /** Reads the room again if a gap is not filled in time, as often as needed while the connection lives. */
  #repairGapSoon(): void {
    const { log } = this.#o;
    if (!log.gap || this.#gap !== undefined || this.#hub === undefined) return;
    const { last } = log;
    this.#gap = setTimeout(() => {
      this.#gap = undefined;
      const hub = log.last === last ? this.#hub : undefined;
      const repaired = hub === undefined ? Promise.resolve() : this.sync(hub).catch(() => undefined);
      void repaired.then(() => this.#repairGapSoon());
    }, gapTimeout);
  }
}
