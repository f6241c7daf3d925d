import { deleteDB, openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction, type StoreNames } from "idb";

import type { Device, History, Recorded, Values } from "../core/device";
import { messagesFrom, outgoingsFrom, type Message, type Outgoing } from "../core/message";

import { recordedOf } from "./recorded";
import { runTo } from "./run";

interface Schema extends DBSchema {
  values: { key: string; value: Values[keyof Values] };
  /** The key is the room and the number. */
  messages: { key: [string, number]; value: Message };
  /** The key is the position in the order of writing. */
  outbox: { key: number; value: Outgoing; indexes: { id: string } };
}

type Database = IDBPDatabase<Schema>;

const version = 1;
/** The time limit for erasing a database, in milliseconds. A frozen tab can block it. */
const eraseTimeout = 5_000;

/**
 * Opens or creates the browser's database of that name, which tabs share. Rejects if the browser has no database. It may take for ever,
 * because some browsers never answer, and a frozen tab can block another.
 */
export async function openIndexedDB(name: string): Promise<Device> {
  /** Set until the browser closes the connection, for example after sleep or when the user removes site data. Then the next call connects again. */
  let connection: Promise<Database> | undefined;
  const connected = () => {
    connection ??= connect(name, () => (connection = undefined));
    connection.catch(() => (connection = undefined));
    return connection;
  };
  await connected();
  return {
    keeps: true,
    get: async <K extends keyof Values>(key: K) =>
      (await (await connected()).get("values", key)) as Values[K] | undefined, // the value that set has stored
    set: async (key, value) => set(await connected(), key, value),
    begin: async (room, epoch) => begin(await connected(), room, epoch),
    keep: async (room, messages, own, epoch) => keep(await connected(), room, messages, own, epoch),
    history: async (room, limit, before, epoch) => history(await connected(), room, limit, before, epoch),
    prune: async (room, most) => prune(await connected(), room, most),
    rooms: async (names) => rooms(await connected(), names),
    histories: async () => histories(await connected()),
    outbox: async () => outgoingsFrom(await (await connected()).getAll("outbox")),
    put: async (outgoing) => put(await connected(), outgoing),
    remove: async (id) => remove(await connected(), id),
    erase: async () => erase(await connected(), name),
    close: () => void connection?.then((db) => db.close()).catch(() => undefined), // one that cannot be opened needs no closing
  };
}

async function connect(name: string, lost: () => void): Promise<Database> {
  const opening = openDB<Schema>(name, version, {
    upgrade(fresh) {
      fresh.createObjectStore("values");
      fresh.createObjectStore("messages", { keyPath: ["room", "seq"] });
      fresh.createObjectStore("outbox", { autoIncrement: true }).createIndex("id", "id", { unique: true });
    },
    // Another tab wants to erase or upgrade the database. It must not wait for this one.
    blocking: () => void opening.then((db) => db.close()),
    terminated: lost,
  });
  return opening;
}

/** Returns the result of a promise, or rejects after the time limit. */
async function withinTimeout<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the browser's database does not answer")), eraseTimeout);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs the work in one transaction. If it rejects, nothing is changed. */
async function change<Names extends StoreNames<Schema>[]>(
  db: Database,
  stores: Names,
  durability: IDBTransactionDurability,
  work: (tx: IDBPTransaction<Schema, Names, "readwrite">) => Promise<unknown>,
): Promise<void> {
  const tx = db.transaction(stores, "readwrite", { durability });
  const cancel = (error: unknown) => {
    tx.abort();
    throw error;
  };
  await Promise.all([work(tx).catch(cancel), tx.done]);
}

async function set(db: Database, key: keyof Values, value: Values[keyof Values] | undefined): Promise<void> {
  const change = db.transaction("values", "readwrite");
  const done = value === undefined ? change.store.delete(key) : change.store.put(value, key);
  change.commit(); // at once, because the page may be closing and would lose uncommitted changes
  await Promise.all([done, change.done]);
}

function begin(db: Database, room: string, epoch: string | undefined): Promise<void> {
  return change(db, ["values", "messages"], "relaxed", async (tx) => {
    const values = tx.objectStore("values");
    if ((await values.get(`epoch:${room}`)) === epoch) return;
    await Promise.all([
      epoch === undefined ? values.delete(`epoch:${room}`) : values.put(epoch, `epoch:${room}`),
      tx.objectStore("messages").delete(numbers(room)),
    ]);
  });
}

function keep(
  db: Database,
  room: string,
  messages: readonly Message[],
  own: readonly string[],
  epoch: string | undefined,
): Promise<void> {
  return change(db, ["values", "messages", "outbox"], "relaxed", async (tx) => {
    const log = tx.objectStore("messages");
    const outbox = tx.objectStore("outbox");
    const [present, waiting, positions] = await Promise.all([
      tx.objectStore("values").get(`epoch:${room}`),
      outbox.getAll(),
      outbox.getAllKeys(),
    ]);
    const added = present === epoch ? messages : [];
    const arrived = new Set(own);
    const arrivedPositions = positions.filter((_, i) => arrived.has(waiting[i]?.id ?? ""));
    await Promise.all([
      ...added.map(async (m) => void (await log.put(m))),
      ...arrivedPositions.map((position) => outbox.delete(position)),
    ]);
  });
}

async function history(db: Database, room: string, limit: number, before?: number, epoch?: string): Promise<Message[]> {
  const tx = db.transaction(["values", "messages"]);
  if ((await tx.objectStore("values").get(`epoch:${room}`)) !== epoch) return [];
  const store = tx.objectStore("messages");
  const last = before === undefined ? (await store.openKeyCursor(numbers(room), "prev"))?.key[1] : before - 1;
  if (last === undefined) return [];
  return runTo(last, messagesFrom(await store.getAll(numbers(room, last - limit + 1, last))));
}

function prune(db: Database, room: string, most: number): Promise<void> {
  return change(db, ["messages"], "relaxed", async (tx) => {
    const log = tx.objectStore("messages");
    let cursor = await log.openKeyCursor(numbers(room), "prev");
    if (most > 0) cursor = (await cursor?.advance(most)) ?? null;
    if (cursor !== null) await log.delete(numbers(room, 0, cursor.key[1]));
  });
}

/** Reads all values at once, because one request for each would take longer. */
async function rooms(db: Database, names: readonly string[]): Promise<ReadonlyMap<string, Recorded>> {
  const tx = db.transaction(["values", "messages"]);
  const [values, log] = [tx.objectStore("values"), tx.objectStore("messages")];
  const [keys, kept, newest] = await Promise.all([
    values.getAllKeys(),
    values.getAll(),
    Promise.all(names.map(async (room) => (await log.openCursor(numbers(room), "prev"))?.value)),
  ]);
  const known = new Map<string, unknown>(keys.map((key, i) => [key, kept[i]]));
  const value = <T>(key: string) => known.get(key) as T | undefined; // the value that set has stored
  return new Map(names.map((room, i) => recordedOf(room, messagesFrom([newest[i]])[0], value)));
}

/** Visits the newest message of each room, from the last room to the first. */
async function histories(db: Database): Promise<readonly History[]> {
  const found: History[] = [];
  let cursor = await db.transaction("messages").store.openCursor(null, "prev");
  while (cursor !== null) {
    const { room, stored_at } = cursor.value;
    found.push({ room, at: stored_at });
    cursor = await cursor.continue([room] as unknown as [string, number]); // it sorts before all numbers of the room
  }
  return found;
}

function numbers(room: string, from = 0, to = Number.MAX_SAFE_INTEGER): IDBKeyRange {
  return IDBKeyRange.bound([room, from], [room, to]);
}

/** Stores an unsent message durably, because it exists nowhere else and must survive a loss of power. */
function put(db: Database, outgoing: Outgoing): Promise<void> {
  return change(db, ["outbox"], "strict", async (tx) => {
    const outbox = tx.objectStore("outbox");
    await outbox.put(outgoing, await outbox.index("id").getKey(outgoing.id));
  });
}

function remove(db: Database, id: string): Promise<void> {
  return change(db, ["outbox"], "relaxed", async (tx) => {
    const outbox = tx.objectStore("outbox");
    const position = await outbox.index("id").getKey(id);
    if (position !== undefined) await outbox.delete(position);
  });
}

/** Erases the database of that name, also while tabs have it open. */
export async function eraseIndexedDB(name: string): Promise<void> {
  const opening = connect(name, () => undefined);
  const db = await withinTimeout(opening).catch(() => undefined); // one that cannot be opened, such as one of a later version, is deleted
  if (db === undefined) opening.then((late) => late.close()).catch(() => undefined);
  await (db === undefined ? drop(name) : erase(db, name));
}

/** Removes all data at once. The empty database is deleted at the latest when the last tab that has it open closes. */
async function erase(db: Database, name: string): Promise<void> {
  const empty = change(db, ["values", "messages", "outbox"], "strict", (tx) =>
    Promise.all([...tx.objectStoreNames].map((store) => tx.objectStore(store).clear())),
  );
  await withinTimeout(empty).catch(() => undefined); // on failure the data is removed with the database
  db.close();
  await drop(name);
}

function drop(name: string): Promise<void> {
  return withinTimeout(
    new Promise<void>((resolve, reject) => void deleteDB(name, { blocked: () => resolve() }).then(resolve, reject)),
  );
}
