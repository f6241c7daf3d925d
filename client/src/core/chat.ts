import { Api, type Entry, type Found } from "./api";
import { Emitter, Store, type Readable, type Subscribe } from "./store";
import type { Device, Platform, TabEvent, Tabs, Connectivity } from "./device";
import { EventRing, type Details } from "./events";
import { Failure } from "./failure";
import { dial, freeSlot, type Hub } from "./hub";
import { claimsOf, isOlder, type Identity } from "./identity";
import { Linker, type Link } from "./link";
import { DeviceRooms, type JoinedRooms, type Level } from "./joined";
import { PatientDevice } from "./patient";
import { isUnsent, roomPattern, type Outgoing } from "./message";
import { Outbox } from "./outbox";
import { backoff, pause } from "./retry";
import { RecordReader } from "./records";
import { Room } from "./room";
import { Summaries, summaryOf, type Summary } from "./summaries";

export type { Summary } from "./summaries";

/** The largest number of rooms that a search returns. */
const mostFound = 100;

/** A connection, and the signal that it has ended. */
interface Connection {
  readonly hub: Hub;
  readonly end: AbortSignal;
}

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
  /** Resolves when the client has signed out in another tab. */
  readonly erased: Promise<void>;

  readonly #device: Device;
  readonly #tabs: Tabs;
  readonly #connectivity: Connectivity;
  readonly #api: Api;
  readonly #outbox: Outbox;
  readonly #linker: Linker;
  readonly #joined: JoinedRooms;
  readonly #reader: RecordReader;
  readonly #rooms = new Map<string, Room>();
  readonly #summaries = new Summaries((name) => this.#summaryOf(name));
  readonly #waiting = new Store(0);
  readonly #maySend: Store<boolean>;
  readonly #token: Store<string | undefined>;
  /** Fires when the user wants to use this tab. */
  readonly #used = new Emitter();
  #connection: Connection | undefined;
  #first: string | undefined;

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
    this.#connectivity = connectivity;
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
            reset: (room) => this.#readAgain(room),
            slot: (ended) => this.#tabs.slot?.({ end: ended, waits, asked: this.#asked }) ?? freeSlot(),
            events,
          },
          end,
        ),
      live: (hub) => this.#live(hub),
      diagnose: () => this.#api.rooms(1),
      connectivity,
    });
    this.link = this.#linker.link;
    this.rooms = this.#summaries.list;
    this.link.subscribe(() => events.note("link", wordsOf(this.link.get())));
    this.waiting = this.#waiting;
    this.#maySend = new Store(mayPublish(identity.token));
    this.maySend = this.#maySend;
    this.#outbox.outgoing.subscribe(() => this.#waiting.set(this.#outbox.outgoing.get().filter(isUnsent).length));
    void this.#outbox.sent.then(async () => events.note("persist", { granted: await platform.persist() }));
    device.answered.subscribe(() => this.#readDeviceAgain());
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
    this.#first = name;
  }

  /** Joins a room. The server creates it with its first message. The name must match roomPattern. */
  join(name: string): Room {
    if (!roomPattern.test(name)) throw new Error(`${name} is not the name of a room`);
    this.#joined.join(name);
    return this.#rooms.get(name) ?? this.#add(name);
  }

  /** Leaves a room and stops reading it. Its history stays on the device. */
  leave(name: string): void {
    this.#joined.leave(name);
  }

  /** Sets what the client wants to hear of a room. */
  setLevel(room: string, level: Level): void {
    this.#joined.setLevel(room, level);
    this.#summaries.change(room);
  }

  /** Returns rooms of the server whose names begin with a text, sorted by name. Rejects with a Failure. */
  search(prefix: string): Promise<Found> {
    return this.#api.search(prefix, mostFound);
  }

  /** Returns the first five hundred rooms of the server that the client may read. Rejects with a Failure. */
  directory(): Promise<readonly Entry[]> {
    return this.#api.rooms(500);
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
    void this.#connection?.hub.stop();
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
      if (trouble === "unauthenticated") void this.#connection?.hub.stop(); // the linker then asks why, and shows it
      throw error;
    }
  }

  /** Reads all rooms over a new connection, the visible one first. Resolves when one room is read, because others may fail. */
  async #live(hub: Hub): Promise<void> {
    const end = new AbortController();
    void hub.closed.then(() => end.abort());
    const connection = { hub, end: end.signal };
    this.#connection = connection;
    this.#outbox.kick();
    const first = this.#rooms.get(this.#first ?? "");
    const rooms = new Set([...(first === undefined ? [] : [first]), ...this.#rooms.values()]);
    const read = [...rooms].map((room) => this.#sync(room, connection));
    if (read.length > 0) await Promise.race(read);
  }

  /** Catches a room up. It tries again after a failure while the connection lives. */
  async #sync(room: Room, connection: Connection): Promise<void> {
    const { hub, end } = connection;
    for (
      let failures = 0;
      !end.aborted && this.#connection === connection && this.#rooms.get(room.name) === room;
      failures++
    ) {
      try {
        return await room.sync(hub);
      } catch (error) {
        const failure = Failure.of(error);
        this.events.note("not-synced", { trouble: failure.trouble, code: failure.code });
        if (failure.trouble === "unauthenticated") return hub.stop(); // the linker then asks why
        await pause(Math.max(backoff(failures), failure.wait), this.#connectivity, end);
      }
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
    this.#joined.subscribe((change) => change.is === "level" && this.#summaries.change(change.room));
  }

  /** Reads what the device could not tell before. */
  #readDeviceAgain(): void {
    void this.#outbox.reload();
    void this.#joined.load();
    for (const room of this.#rooms.values()) void room.load();
  }

  #readAgain(name: string): void {
    const room = this.#rooms.get(name);
    if (room !== undefined && this.#connection !== undefined) void this.#sync(room, this.#connection);
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
    });
    this.#rooms.set(name, room);
    room.timeline.subscribe(() => this.#summaries.change(name));
    room.draft.subscribe(() => this.#summaries.change(name));
    this.#summaries.change(name);
    this.#readAgain(name);
    return room;
  }

  #remove(name: string): void {
    this.#rooms.get(name)?.close();
    this.#rooms.delete(name);
    this.#summaries.change(name);
    if (this.#connection !== undefined) void this.#leave(name, this.#connection);
  }

  /** Stops reading a room. Rooms that the server has refused are tried again, because it limits the number of rooms that are read. */
  async #leave(name: string, connection: Connection): Promise<void> {
    await connection.hub.leave(name).catch(() => undefined); // on failure its messages are ignored
    const refused = [...this.#rooms.values()].filter((room) => room.timeline.get().refused !== null);
    await Promise.all(refused.map((room) => this.#sync(room, connection)));
  }

  /** Calls the listener when the user comes to this tab, or presses the button for it. */
  readonly #asked: Subscribe = (listener) => {
    const off = [this.#connectivity.subscribe(listener), this.#used.subscribe(listener)];
    return () => off.forEach((end) => end());
  };

  #onTabEvent(event: TabEvent, erased: () => void): void {
    if (event.is === "erased") void this.close().then(erased);
    if (event.is === "token") this.#onToken(event.token);
  }

  #summaryOf(name: string): Summary | undefined {
    const room = this.#rooms.get(name);
    return room === undefined ? undefined : { ...summaryOf(room), level: this.#joined.level(name), watched: true };
  }
}

function wordsOf(link: Link): Details {
  return link.is === "away" ? { is: link.is, why: link.why } : { is: link.is };
}

/** Returns the rooms of a new client: the lobby if its token allows it, otherwise the rooms that the token names. */
function firstRooms({ token }: Identity): readonly string[] {
  const rooms = token === undefined ? ["*"] : (claimsOf(token)?.rooms ?? []);
  if (rooms.some((r) => r === "lobby" || (r.endsWith("*") && "lobby".startsWith(r.slice(0, -1))))) return ["lobby"];
  return rooms.filter((r) => roomPattern.test(r)).slice(0, 20);
}

function mayPublish(token: string | undefined): boolean {
  return token === undefined || (claimsOf(token)?.publish ?? true);
}
