import type { Device, TabEvent, Tabs } from "./device";
import { claimsOf, type Identity } from "./identity";
import { roomPattern } from "./message";
import { Store, type Readable } from "./store";
import { after } from "./throttle";

/** What a client wants to hear of a room: of every message, of those that mention it, or of none. */
export type Level = "all" | "mentions" | "nothing";

/** How far a client has read a room: the number of a message, and the epoch that it is of, undefined if no server has told one. */
export interface Mark {
  readonly seq: number;
  readonly epoch: string | undefined;
}

/** A change that was made elsewhere, such as in another tab. */
export type JoinedChange =
  { readonly is: "mark"; readonly room: string; readonly mark: Mark } | { readonly is: "level"; readonly room: string };

/**
 * The rooms that a client has joined, how far it has read them, and what it wants to hear of them. Today the device keeps that; a server
 * can stand behind the same interface. Changes are shown at once and never fail. They are operations, not lists, so that two tabs that
 * change something at the same time do not undo each other's changes.
 */
export interface JoinedRooms {
  /** The names of the rooms. As long as they are not known, a guess with the changes since. A guess is never stored. */
  readonly names: Readable<readonly string[]>;
  /** Reads and stores what could not be read or stored yet. Resolves with whether nothing of that is left. */
  load(): Promise<boolean>;
  join(room: string): void;
  leave(room: string): void;
  level(room: string): Level;
  setLevel(room: string, level: Level): void;
  /** Stores how far a room was read. The caller must have read what was stored before. */
  setMark(room: string, mark: Mark): void;
  subscribe(listener: (change: JoinedChange) => void): () => void;
  close(): void;
}

/** How long a change is stored with every other one, in milliseconds. */
const settling = 10_000;

export interface DeviceRoomsOptions {
  readonly device: Device;
  readonly tabs: Tabs;
  /** The rooms of a client that has never joined one on this device. */
  readonly first: readonly string[];
}

/** The JoinedRooms that a device keeps for all tabs of a client. */
export class DeviceRooms implements JoinedRooms {
  readonly names: Store<readonly string[]>;
  readonly #o: DeviceRoomsOptions;
  #levels: Readonly<Record<string, Level>> = {};
  #known = false;
  /**
   * The latest changes: whether a room was joined or left, and the levels that were set. They are stored with every write for a while, because
   * another tab that writes at the same time may not have read them.
   */
  readonly #joins = new Map<string, boolean>();
  readonly #sets = new Map<string, Level>();
  /** Whether a change is not stored yet. */
  #unstored = false;
  #forgetting: (() => void) | undefined;
  /** Set while the changes are being stored. */
  #storing: Promise<void> | undefined;

  constructor(options: DeviceRoomsOptions) {
    this.#o = options;
    this.names = new Store(options.first);
    options.tabs.subscribe((event) => this.#onTabEvent(event));
  }

  close(): void {
    this.#forgetting?.();
  }

  async load(): Promise<boolean> {
    if (!this.#settled()) await this.#store();
    return this.#settled();
  }

  join(room: string): void {
    this.#change(room, true);
    this.#o.tabs.post({ is: "joined", room });
  }

  leave(room: string): void {
    this.#change(room, false);
    this.#o.tabs.post({ is: "left", room });
  }

  level(room: string): Level {
    return this.#sets.get(room) ?? this.#levels[room] ?? "all";
  }

  setLevel(room: string, level: Level): void {
    this.#sets.set(room, level);
    this.#unstored = true;
    void this.#store();
    this.#o.tabs.post({ is: "level", room, level });
  }

  setMark(room: string, { seq, epoch }: Mark): void {
    this.#o.tabs.post({ is: "read", room, seq, epoch });
    void this.#o.device.set(`read:${room}`, seq).catch(() => undefined); // on failure the messages are unread again after a restart
  }

  subscribe(listener: (change: JoinedChange) => void): () => void {
    return this.#o.tabs.subscribe((event) => {
      if (event.is === "read") listener({ is: "mark", room: event.room, mark: { seq: event.seq, epoch: event.epoch } });
      if (event.is === "level") listener({ is: "level", room: event.room });
    });
  }

  #onTabEvent(event: TabEvent): void {
    // The other tab has stored its change. Storing it here, too, repairs the list if both tabs have written it at the same time.
    if (event.is === "joined" || event.is === "left") this.#change(event.room, event.is === "joined");
    if (event.is !== "level") return;
    this.#sets.set(event.room, event.level);
    this.#unstored = true;
    void this.#store();
  }

  #change(room: string, joined: boolean): void {
    this.#joins.set(room, joined);
    this.#unstored = true;
    this.names.set(changed(this.names.get(), new Map([[room, joined]])));
    void this.#store();
  }

  #settled(): boolean {
    return this.#known && !this.#unstored;
  }

  /** Reads what is stored, and stores it again with the changes. On failure they stay for the next time. */
  #store(): Promise<void> {
    this.#storing ??= this.#storeAll()
      .catch(() => undefined)
      .finally(() => (this.#storing = undefined));
    return this.#storing;
  }

  async #storeAll(): Promise<void> {
    const { device, first } = this.#o;
    do {
      const changes = this.#unstored;
      this.#unstored = false;
      try {
        const [stored, levels] = await Promise.all([device.get("rooms"), device.get("levels")]);
        this.#known = true;
        this.#levels = { ...levels, ...Object.fromEntries(this.#sets) };
        const names = changed(stored ?? first, this.#joins);
        this.names.set(names);
        if (changes && this.#joins.size > 0) await device.set("rooms", names);
        if (changes && this.#sets.size > 0) await device.set("levels", this.#levels);
      } catch (error) {
        this.#unstored ||= changes;
        throw error;
      }
    } while (this.#unstored);
    this.#forgetLater();
  }

  /** Forgets the changes when every tab must have read them. */
  #forgetLater(): void {
    this.#forgetting?.();
    this.#forgetting = after(settling)(() => {
      if (this.#unstored) return;
      this.#joins.clear();
      this.#sets.clear();
    });
  }
}

/** Returns the names after rooms were joined and left: the same list if nothing has changed. */
function changed(names: readonly string[], joins: ReadonlyMap<string, boolean>): readonly string[] {
  const added = [...joins].filter(([room, joined]) => joined && !names.includes(room)).map(([room]) => room);
  const left = names.filter((room) => joins.get(room) === false);
  if (added.length + left.length === 0) return names;
  return [...names.filter((room) => joins.get(room) !== false), ...added];
}

/** Returns the rooms of a new client: the lobby if its token allows it, otherwise the rooms that the token names. */
export function firstRooms({ token }: Identity): readonly string[] {
  const rooms = token === undefined ? ["*"] : (claimsOf(token)?.rooms ?? []);
  if (rooms.some((r) => r === "lobby" || (r.endsWith("*") && "lobby".startsWith(r.slice(0, -1))))) return ["lobby"];
  return rooms.filter((r) => roomPattern.test(r)).slice(0, 20);
}
