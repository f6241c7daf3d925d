import { Arrivals } from "./arrivals";
import { Api, type Found } from "./api";
import { anyOf, Emitter, Store, type Readable, type Subscribe } from "./store";
import type { Device, Platform, TabEvent, Tabs } from "./device";
import { EventRing, type Details } from "./events";
import { Failure } from "./failure";
import { dial, freeSlot } from "./hub";
import { claimsOf, isOlder, type Identity } from "./identity";
import { Linker, type Link } from "./link";
import { DeviceRooms, firstRooms, type JoinedRooms, type Level } from "./joined";
import { PatientDevice } from "./patient";
import { isUnsent, roomPattern, type Outgoing } from "./message";
import { Outbox } from "./outbox";
import { Poll } from "./poll";
import { backoff, pause } from "./retry";
import { RecordReader } from "./records";
import { Room } from "./room";
import { Summaries, summaryOf, type Summary } from "./summaries";
import { Watcher } from "./watcher";

export type { Arrival } from "./arrivals";
export type { Summary } from "./summaries";

/** The largest number of rooms that a search returns. */
const mostFound = 100;

/**
 * The chat of one client on one server: its rooms, its outbox, and one connection for all rooms. Everything that it shows is
 * a Readable, and is shown without waiting for the network.
 */
export class Chat {
  readonly client: string;
  /** The server's address. */
  readonly server: string;
  /** The client's token, which another tab may replace. */
  readonly token: Readable<string | undefined>;
  /** Whether the client may send, according to its token. The server decides. */
  readonly maySend: Readable<boolean>;
  readonly link: Readable<Link>;
  /** The rooms that the client has joined, sorted by their newest message, latest first. */
  readonly rooms: Readable<readonly Summary[]>;
  /** How many of the client's messages the server has not accepted yet. */
  readonly waiting: Readable<number>;
  /** Whether the device keeps everything when the app is closed. False while it does not answer, fails or is full. */
  readonly keeps: Readable<boolean>;
  /** The last events, for a report of a fault. */
  readonly events: EventRing;
  /** Tells of each unread message of others that has come while the app was running. */
  readonly arrivals: Pick<Arrivals, "subscribe">;
  /** Resolves when the client has signed out in another tab. */
  readonly erased: Promise<void>;

  readonly #device: Device;
  readonly #tabs: Tabs;
  readonly #api: Api;
  readonly #outbox: Outbox;
  readonly #linker: Linker;
  readonly #joined: JoinedRooms;
  readonly #reader: RecordReader;
  readonly #end = new AbortController();
  readonly #rooms = new Map<string, Room>();
  readonly #watcher: Watcher;
  readonly #poll: Poll;
  readonly #arrivals: Arrivals;
  readonly #summaries = new Summaries((name) => this.#summaryOf(name));
  readonly #waiting = new Store(0);
  readonly #maySend: Store<boolean>;
  readonly #token: Store<string | undefined>;
  /** Fires when the user wants to use this tab. */
  readonly #used = new Emitter();
  /** Fires when what the device could not do may succeed. */
  readonly #mayStore: { readonly subscribe: Subscribe };
  #settling = false;

  private constructor(platform: Platform, server: string, identity: Identity, events: EventRing) {
    const { connectivity, newID, negotiates } = platform;
    const device = new PatientDevice(() => platform.device(server, identity.client));
    this.client = identity.client;
    this.server = server;
    this.#token = new Store(identity.token);
    this.token = this.#token;
    const token = this.#token.get;
    this.events = events;
    this.#device = device;
    this.keeps = device.keeping;
    this.#mayStore = anyOf(connectivity, device.answered);
    this.#tabs = platform.tabs(server, identity.client);
    this.#api = new Api(server, token, events);
    this.#reader = new RecordReader(device);
    this.#joined = new DeviceRooms({ device, tabs: this.#tabs, first: firstRooms(identity) });
    this.#outbox = new Outbox({
      device,
      tabs: this.#tabs,
      connectivity,
      newID,
      send: (outgoing) => this.#send(outgoing),
      connected: () => this.link.get().is === "live",
    });
    this.#linker = new Linker({
      dial: (end, waits) =>
        dial(
          {
            server,
            client: this.client,
            token,
            negotiates,
            received: (m) => this.#rooms.get(m.room)?.receive(m),
            reset: (room) => this.#rooms.has(room) && this.#watcher.again(room),
            slot: (ended) =>
              this.#tabs.slot?.({ end: ended, waits, asked: anyOf(connectivity, this.#used).subscribe }) ?? freeSlot(),
            events,
          },
          end,
        ),
      live: (hub) => {
        this.#outbox.kick();
        return this.#watcher.live(hub);
      },
      diagnose: () => this.#api.rooms(1),
      connectivity,
    });
    this.link = this.#linker.link;
    this.#watcher = new Watcher({
      rooms: this.#rooms,
      order: () => this.#order(),
      connectivity,
      failed: ({ trouble, code }) => events.note("not-synced", { trouble, code }),
      changed: (name) => {
        this.#summaries.change(name);
        this.#poll.kick();
      },
    });
    this.#poll = new Poll({
      api: this.#api,
      connectivity,
      rooms: () => this.#watcher.beyond.flatMap((name) => this.#rooms.get(name) ?? []),
      connected: () => this.link.get().is === "live",
      join: (room) => this.#watcher.demand(room.name),
      outdated: () => events.note("outdated-server"),
    });
    this.link.subscribe(() => this.#poll.kick());
    this.#arrivals = new Arrivals(this.client, (room) => this.#joined.level(room));
    this.arrivals = this.#arrivals;
    this.rooms = this.#summaries.list;
    this.link.subscribe(() => events.note("link", wordsOf(this.link.get())));
    this.waiting = this.#waiting;
    this.#maySend = new Store(mayPublish(identity.token));
    this.maySend = this.#maySend;
    this.#outbox.outgoing.subscribe(() => this.#waiting.set(this.#outbox.outgoing.get().filter(isUnsent).length));
    void this.#outbox.sent.then(async () => events.note("persist", { granted: await platform.persist() }));
    device.answered.subscribe(() => {
      void this.#outbox.reload();
      void this.#settle();
    });
    device.keeping.subscribe(() => events.note("device", { keeps: device.keeping.get() }));
    this.erased = new Promise((resolve) => this.#tabs.subscribe((event) => this.#onTabEvent(event, resolve)));
  }

  /** Opens the data on the device, and starts to connect. It does not wait for the network. */
  static async open(platform: Platform, server: string, identity: Identity, events = new EventRing()): Promise<Chat> {
    const chat = new Chat(platform, server, identity, events);
    if (identity.token !== undefined) chat.#tabs.post({ is: "token", token: identity.token });
    await chat.#outbox.start();
    await chat.#joined.load();
    chat.#follow();
    chat.#linker.start();
    return chat;
  }

  /** Returns a room that the client has joined. */
  room(name: string): Room | undefined {
    return this.#rooms.get(name);
  }

  /** Sets the room that the user looks at. It is caught up first. */
  prefer(name: string | undefined): void {
    this.#watcher.prefer(name);
  }

  /** Joins a room. The server creates it with its first message. The name must match roomPattern. */
  join(name: string): Room {
    if (!roomPattern.test(name)) throw new Error(`${name} is not the name of a room`);
    this.#joined.join(name);
    void this.#settle();
    return this.#rooms.get(name) ?? this.#add(name);
  }

  /** Leaves a room and stops reading it. Its history stays on the device. */
  leave(name: string): void {
    this.#joined.leave(name);
    void this.#settle();
  }

  /** Sets what the client wants to hear of a room. */
  setLevel(room: string, level: Level): void {
    this.#joined.setLevel(room, level);
    void this.#settle();
    this.#summaries.change(room);
  }

  /** Returns the version of the server. Rejects with a Failure. */
  version(): Promise<string> {
    return this.#api.version();
  }

  /** Returns rooms of the server whose names begin with a text, sorted by name. Rejects with a Failure. */
  async search(prefix: string): Promise<Found> {
    if (prefix !== "" && !roomPattern.test(prefix)) return { rooms: [], complete: true }; // no name begins so
    return this.#api.search(prefix, mostFound);
  }

  /** Sends a failed message again. */
  resend(id: string): void {
    void this.#outbox.retry(id).catch(() => undefined); // on failure the change is in memory only
  }

  /** Discards a failed message. */
  discard(id: string): void {
    void this.#outbox.discard(id).catch(() => undefined); // on failure it is shown again after a restart
  }

  /** Tries to connect and to send now. */
  retry(): void {
    this.#used.emit();
    this.#linker.retry();
    this.#outbox.kick();
  }

  /** Continues with another token of the same client, in all tabs, because any tab may be the one that sends. */
  renew(token: string): void {
    this.#tabs.post({ is: "token", token });
    this.#useToken(token);
  }

  /** Ends the connection. The data stays on the device. */
  async close(): Promise<void> {
    await this.#stop();
    this.#tabs.close();
    this.#device.close();
  }

  /** Ends the connection and removes all data of this client from the device, unsent messages included. */
  async erase(): Promise<void> {
    this.#tabs.post({ is: "erased" });
    await this.#stop();
    this.#tabs.close();
    await this.#device.erase();
  }

  /** Replaces the token, and the connection, because a connection has the rights of the token that opened it. */
  #useToken(token: string): void {
    if (token === this.#token.get()) return;
    this.#token.set(token);
    this.#maySend.set(mayPublish(token));
    this.#watcher.stop();
    this.retry();
  }

  /**
   * Takes the token of another tab, unless it is older than this tab's: a tab that was opened with an older one is told of this
   * one. A token that the server refuses gives way to any other.
   */
  #onToken(token: string): void {
    const own = this.#token.get();
    if (this.link.get().is === "refused" || !isOlder(token, own)) this.#useToken(token);
    else if (own !== undefined) this.#tabs.post({ is: "token", token: own });
  }

  async #stop(): Promise<void> {
    this.#outbox.close();
    this.#end.abort();
    this.#poll.close();
    this.#joined.close();
    for (const room of this.#rooms.values()) room.close();
    this.#summaries.close();
    await this.#linker.close();
  }

  async #send(outgoing: Outgoing): Promise<string> {
    try {
      const accepted = await this.#api.send(outgoing, this.client);
      this.events.note("sent");
      return accepted;
    } catch (error) {
      const { trouble, code } = Failure.of(error);
      this.events.note("not-sent", { trouble, code });
      if (trouble === "unauthenticated") this.#watcher.stop(); // the linker then asks why, and shows it
      throw error;
    }
  }

  /** Makes the rooms those that the client has joined, now and after each change. */
  #follow(): void {
    const follow = () => {
      const names = new Set(this.#joined.names.get());
      for (const name of this.#rooms.keys()) if (!names.has(name)) this.#remove(name);
      for (const name of names) if (!this.#rooms.has(name)) this.#add(name);
    };
    follow();
    this.#summaries.now();
    this.#joined.names.subscribe(follow);
    void this.#settle();
    this.#joined.subscribe((change) => change.is === "level" && this.#summaries.change(change.room));
  }

  #add(name: string): Room {
    const { client } = this;
    const room = new Room({
      name,
      client,
      device: this.#device,
      reader: this.#reader,
      tabs: this.#tabs,
      joined: this.#joined,
      api: this.#api,
      outbox: this.#outbox,
      arrived: (messages) => this.#arrivals.tell(messages),
    });
    this.#rooms.set(name, room);
    let open = false;
    room.timeline.subscribe(() => {
      this.#summaries.change(name);
      const opens = room.timeline.get().open && !open;
      open = room.timeline.get().open;
      if (opens) this.#watcher.looked(name);
    });
    room.draft.subscribe(() => this.#summaries.change(name));
    this.#summaries.change(name);
    this.#watcher.again(name);
    return room;
  }

  #remove(name: string): void {
    this.#rooms.get(name)?.close();
    this.#rooms.delete(name);
    this.#summaries.change(name);
    void this.#watcher.leave(name);
  }

  /** Reads what could not be read from the device, and stores what could not be stored, until that succeeds. */
  async #settle(): Promise<void> {
    if (this.#settling) return;
    this.#settling = true;
    const end = this.#end.signal;
    for (let failures = 0; !end.aborted; failures++) {
      const rooms = [...this.#rooms.values()];
      const [joined] = await Promise.all([this.#joined.load(), ...rooms.map((room) => room.load())]);
      if (joined && rooms.every((room) => room.known)) break;
      await pause(backoff(failures), this.#mayStore, end);
    }
    this.#settling = false;
  }

  /** Returns the names of the rooms in the order of the list, which may miss a room for a frame. */
  #order(): readonly string[] {
    const names = new Set([...this.#summaries.list.get().map(({ name }) => name), ...this.#rooms.keys()]);
    return [...names].filter((name) => this.#rooms.has(name));
  }

  #onTabEvent(event: TabEvent, erased: () => void): void {
    if (event.is === "erased") void this.close().then(erased);
    if (event.is === "token") this.#onToken(event.token);
  }

  #summaryOf(name: string): Summary | undefined {
    const room = this.#rooms.get(name);
    return room === undefined
      ? undefined
      : { ...summaryOf(room), level: this.#joined.level(name), watched: this.#watcher.isWatched(name) };
  }
}

function wordsOf(link: Link): Details {
  return link.is === "away" ? { is: link.is, why: link.why } : { is: link.is };
}

function mayPublish(token: string | undefined): boolean {
  return token === undefined || (claimsOf(token)?.publish ?? true);
}
