import type { Message, Outgoing } from "./message";

/** Small values that a device keeps for one client of one server. */
export interface Values {
  /** The rooms that the client has joined. */
  rooms: readonly string[];
  /** The number of the last message that was read in a room. */
  [read: `read:${string}`]: number;
  /** What has been written in a room and not been sent. */
  [draft: `draft:${string}`]: string;
}

/**
 * What a device keeps for one client of one server, over restarts. Every method may be called at any time, also by several
 * tabs; the calls of one tab take effect in their order, and changes of the outbox are answered in it. An error says that the
 * device does not keep anything now (it is full, say); the app goes on with what it has in memory.
 */
export interface Device {
  /** Whether what it keeps outlives the app; where it does not, the device lets the app keep nothing. */
  readonly keeps: boolean;

  get<K extends keyof Values>(key: K): Promise<Values[K] | undefined>;
  /** Undefined removes the value. */
  set<K extends keyof Values>(key: K, value: Values[K] | undefined): Promise<void>;

  /** Adds messages of one room to its history and takes their ids out of the outbox, all or nothing. */
  keep(room: string, messages: readonly Message[]): Promise<void>;
  /**
   * Returns up to limit messages of the room in ascending order without a gap: those just before the number `before`, so that
   * the last one is before-1, or the newest ones that are kept. Empty when the message before-1 is not kept.
   */
  history(room: string, limit: number, before?: number): Promise<Message[]>;
  /** Removes all but the newest `most` messages of a room. */
  prune(room: string, most: number): Promise<void>;

  /** Returns the outbox in the order in which its messages were put for the first time. */
  outbox(): Promise<Outgoing[]>;
  /** Adds a message, or replaces the one of the same id in its place. */
  put(outgoing: Outgoing): Promise<void>;
  remove(id: string): Promise<void>;

  /** Removes everything and closes. */
  erase(): Promise<void>;
  close(): void;
}

/** What the tabs of one client tell each other. */
export type TabEvent =
  | { readonly is: "outgoing"; readonly outgoing: Outgoing }
  | { readonly is: "gone"; readonly id: string }
  | { readonly is: "read"; readonly room: string; readonly seq: number }
  | { readonly is: "draft"; readonly room: string; readonly text: string }
  | { readonly is: "joined" | "left"; readonly room: string }
  | { readonly is: "token"; readonly token: string }
  | { readonly is: "erased" };

/** The other tabs of the same client on this device. A phone has none. */
export interface Tabs {
  /** Resolves when this tab is the one that sends; it stays that until close. Never rejects. */
  lead(): Promise<void>;
  /** Tells all others, not this one. */
  post(event: TabEvent): void;
  subscribe(heard: (event: TabEvent) => void): () => void;
  close(): void;
}

/** Moments at which the connection may have changed: the network is back, or lost, or the app is in front again. */
export interface Wake {
  /** False only when the device knows that it has no network. */
  online(): boolean;
  subscribe(woken: () => void): () => void;
}

/** A few values for all clients, such as who has signed in last; where tokens may lie. */
export interface Keep {
  read(key: string): Promise<string | null>;
  /** Null removes the value. */
  write(key: string, value: string | null): Promise<void>;
}

/** What the app needs of the machine that it runs on. */
export interface Platform {
  readonly keep: Keep;
  readonly wake: Wake;
  /** Opens what is kept for a client of a server. Never rejects: where nothing can be kept it is kept in memory. */
  device(server: string, client: string): Promise<Device>;
  tabs(server: string, client: string): Tabs;
  /** A new UUID. */
  newID(): string;
  /** The server's address where it is known: on the web, the one that the page comes from. */
  readonly server: string | null;
  /** A token that the app was opened with; asked for once, and no trace of it is left in the address. */
  takeToken(): string | null;
  /** False where a hub connection must be a WebSocket from the start. */
  readonly negotiates: boolean;
}
