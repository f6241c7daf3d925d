import type { Level } from "./joined";
import type { Slot } from "./hub";
import type { Readable, Subscribe } from "./store";
import type { Message, Outgoing } from "./message";

/** Small values that a device keeps for one client on one server. */
export interface Values {
  /** The rooms that the client has joined. */
  rooms: readonly string[];
  /** What the client wants to hear of its rooms, where that is not everything. */
  levels: Readonly<Record<string, Level>>;
  /** The number of the last message that the user has read in a room. */
  [read: `read:${string}`]: number;
  /** The text that was written in a room and not sent yet. */
  [draft: `draft:${string}`]: string;
  /** The epoch of a room's history, see Device.begin. */
  [epoch: `epoch:${string}`]: string;
  /** The notice that the server has gone back to an earlier state, see Timeline.wentBack. */
  [back: `back:${string}`]: string;
}

/** What a device has of a room, without its history. */
export interface Recorded {
  /** The newest message of the history: one, or none. */
  readonly newest: readonly Message[];
  /** The values `read:ROOM`, `draft:ROOM`, `epoch:ROOM` and `back:ROOM`. */
  readonly read: number | undefined;
  readonly draft: string | undefined;
  readonly epoch: string | undefined;
  readonly back: string | undefined;
}

/** A room whose messages a device keeps. */
export interface History {
  readonly room: string;
  /** When the newest of its messages was stored on the server, RFC 3339. */
  readonly at: string;
}

/**
 * The data that a device keeps for one client on one server, over restarts. Every method may be called at any time, also by
 * several tabs. The calls of one tab take effect in their order, and changes of the outbox resolve in that order. An error
 * means that the device cannot be read, or cannot store anything now, for example because it is full; the app continues in memory.
 * What could not be read is not known. It is not absent, and must not be replaced by a guess.
 */
export interface Device {
  /** Whether the data outlives the app. False if the device does not let the app store anything. */
  readonly keeps: boolean;

  get<K extends keyof Values>(key: K): Promise<Values[K] | undefined>;
  /** Undefined removes the value. */
  set<K extends keyof Values>(key: K, value: Values[K] | undefined): Promise<void>;

  /**
   * Makes the history of a room one of this epoch, undefined if the server tells none. If it was one of another epoch, its
   * messages are removed. The epoch is the value `epoch:ROOM`, and is undefined too in data of earlier versions of the app.
   */
  begin(room: string, epoch: string | undefined): Promise<void>;
  /**
   * Adds messages of one room to its history, and removes those with the ids `own` from the outbox, all or nothing. The ids are those
   * of the client's own messages among them: another client's message may have the id of one in the outbox. If the history is of
   * another epoch, because another tab has begun it, the messages are not added.
   */
  keep(room: string, messages: readonly Message[], own: readonly string[], epoch?: string): Promise<void>;
  /**
   * Returns up to limit messages of the room in ascending order without a gap: those that end at before-1, or without
   * `before` the newest ones. Empty if the message before-1 is not stored, or if the history is of another epoch.
   */
  history(room: string, limit: number, before?: number, epoch?: string): Promise<Message[]>;
  /** Removes all but the newest `most` messages of a room. */
  prune(room: string, most: number): Promise<void>;
  /** Returns what the device has of rooms, also of those of which it has nothing. All are read at once, for the list of rooms. */
  rooms(names: readonly string[]): Promise<ReadonlyMap<string, Recorded>>;
  /** Returns every room of which the device has messages, also those that the client has left. */
  histories(): Promise<readonly History[]>;

  /** Returns the outbox in the order in which its messages were first put. */
  outbox(): Promise<Outgoing[]>;
  /** Adds a message, or replaces the one with the same id at its position. */
  put(outgoing: Outgoing): Promise<void>;
  remove(id: string): Promise<void>;

  /** Removes everything and closes. */
  erase(): Promise<void>;
  close(): void;
}

/** The events that the tabs of one client send each other. */
export type TabEvent =
  | { readonly is: "outgoing"; readonly outgoing: Outgoing }
  | { readonly is: "gone"; readonly id: string }
  /** The message was accepted, and is in the log of the sending tab already. */
  | { readonly is: "arrived"; readonly outgoing: Outgoing }
  | { readonly is: "read"; readonly room: string; readonly seq: number; readonly epoch?: string | undefined }
  | { readonly is: "dismissed"; readonly room: string }
  | { readonly is: "draft"; readonly room: string; readonly text: string }
  | { readonly is: "joined" | "left"; readonly room: string }
  | { readonly is: "level"; readonly room: string; readonly level: Level }
  | { readonly is: "token"; readonly token: string }
  | { readonly is: "erased" };

/** The other tabs of the same client on this device. A phone has no tabs. */
export interface Tabs {
  /** Resolves when this tab becomes the one that sends, which it stays until close. Never rejects. */
  lead(): Promise<void>;
  /** Sends an event to all other tabs. */
  post(event: TabEvent): void;
  subscribe(listener: (event: TabEvent) => void): () => void;
  close(): void;
  /**
   * Resolves when this tab may hold a connection that is not a WebSocket, of which all tabs of the browser together hold a few.
   * `waits` is called if it must wait. A tab that the user looks at, or `asked`, takes the right of another one. Rejects when end
   * is aborted. Absent where there are no tabs.
   */
  slot?(o: SlotOptions): Promise<Slot>;
}

/** What a tab needs to wait for the right to hold a connection that is not a WebSocket. */
export interface SlotOptions {
  readonly end: AbortSignal;
  readonly waits: () => void;
  /** Calls the listener when the user wants to use this tab. */
  readonly asked: Subscribe;
}

/** The wake events after which the connection may have changed: the network is back or lost, or the app is in front again. */
export interface Connectivity {
  /** False only when the device says that it has no network. It may be wrong: a server in one's own network may still answer. */
  online(): boolean;
  subscribe(woken: () => void): () => void;
  /** Whether the app may hold a connection: not after an app on a phone has been in the background for a while. Absent: always. */
  readonly awake?: Readable<boolean>;
}

/**
 * A few values for all clients, such as the last identity. They are stored where tokens may be stored. The tabs of a browser share
 * them, but a value whose key begins with `tab.` is one tab's own, and ends with the tab.
 */
export interface KeyValueStore {
  read(key: string): Promise<string | null>;
  /** Null removes the value. */
  write(key: string, value: string | null): Promise<void>;
}

/** The functions that the app needs from the machine that it runs on. */
export interface Platform {
  readonly keyValues: KeyValueStore;
  readonly connectivity: Connectivity;
  /** Opens the data of a client on a server. Never rejects: if the device cannot store anything, the data is kept in memory. */
  device(server: string, client: string): Promise<Device>;
  tabs(server: string, client: string): Tabs;
  /** A new UUID. */
  newID(): string;
  /** The server's address if it is known: on the web, the origin of the page. */
  readonly server: string | null;
  /** Returns the token that the app was opened with, and removes it from the address. Called once. */
  takeToken(): string | null;
  /**
   * Asks the system to keep the app's data when space is short, which a browser may answer by asking the user. Resolves with whether
   * it does. Asks once; later calls return the same answer. Never rejects.
   */
  persist(): Promise<boolean>;
  /** Counts the messages of all clients on all servers that the device keeps and that are not sent. */
  unsent(): Promise<number>;
  /**
   * Removes the data of all clients on all servers, and all key values. Other tabs that have a database open lose it. Rejects if
   * something could not be removed.
   */
  erase(): Promise<void>;
  /** Calls the listener with the token of each link that is followed while the app is open, if the platform tells of them. */
  followTokens?(listener: (token: string) => void): void;
  /** False if a hub connection must be a WebSocket from the start. */
  readonly negotiates: boolean;
}
