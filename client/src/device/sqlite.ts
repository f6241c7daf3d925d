import type { Device, History, Recorded, Values } from "../core/device";
import { messagesFrom, outgoingsFrom, type Message, type Outgoing } from "../core/message";

import { recordedOf } from "./recorded";
import { runTo } from "./run";

/** The methods that the app uses of a database of expo-sqlite. */
export interface Database {
  execAsync(source: string): Promise<void>;
  runAsync(source: string, params: (string | number)[]): Promise<unknown>;
  getAllAsync<Row>(source: string, params: (string | number)[]): Promise<Row[]>;
  withTransactionAsync(task: () => Promise<void>): Promise<void>;
  closeAsync(): Promise<void>;
}

interface Row {
  readonly value: string;
}

const schema = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS "values" (key TEXT PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS messages (room TEXT, seq INTEGER, value TEXT NOT NULL, PRIMARY KEY (room, seq)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outbox (place INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, value TEXT NOT NULL);
`;

/** Opens a Device on a database, and creates its tables. drop deletes the database after it is closed. */
export async function openSQLite(db: Database, drop: () => Promise<void>): Promise<Device> {
  await db.execAsync(schema);
  let last: Promise<unknown> = Promise.resolve();
  // Calls run one after the other, because a transaction of expo-sqlite includes all statements that run meanwhile.
  const next = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
  return {
    keeps: true,
    get: <K extends keyof Values>(key: K) => next(() => get<Values[K]>(db, key)),
    set: (key, value) => next(() => set(db, key, value)),
    begin: (room, epoch) => next(() => begin(db, room, epoch)),
    keep: (room, messages, own, epoch) => next(() => keep(db, room, messages, own, epoch)),
    history: (room, limit, before, epoch) => next(() => history(db, room, limit, before, epoch)),
    prune: (room, most) => next(() => prune(db, room, most)),
    rooms: (names) => next(() => rooms(db, names)),
    histories: () => next(() => histories(db)),
    outbox: () =>
      next(async () => outgoingsFrom(parse(await db.getAllAsync<Row>("SELECT value FROM outbox ORDER BY place", [])))),
    put: (outgoing) => next(() => put(db, outgoing)),
    remove: (id) => next(async () => void (await db.runAsync("DELETE FROM outbox WHERE id = ?", [id]))),
    erase: () =>
      next(async () => {
        await db.closeAsync().catch(() => undefined); // on failure it is closed already
        await drop();
      }),
    close: () => void next(() => db.closeAsync()), // closing twice is harmless
  };
}

async function get<T>(db: Database, key: string): Promise<T | undefined> {
  const rows = await db.getAllAsync<Row>(`SELECT value FROM "values" WHERE key = ?`, [key]);
  return parse(rows)[0] as T | undefined; // the value that set has stored
}

async function set(db: Database, key: string, value: unknown): Promise<void> {
  if (value === undefined) await db.runAsync(`DELETE FROM "values" WHERE key = ?`, [key]);
  else await db.runAsync(`INSERT OR REPLACE INTO "values" (key, value) VALUES (?, ?)`, [key, JSON.stringify(value)]);
}

/** Uses two statements for any number of rooms. */
async function rooms(db: Database, names: readonly string[]): Promise<ReadonlyMap<string, Recorded>> {
  const list = JSON.stringify(names);
  const values = await db.getAllAsync<Row & { readonly key: string }>(
    `SELECT v.key, v.value FROM json_each(?) AS r, "values" AS v
     WHERE v.key IN ('read:' || r.value, 'draft:' || r.value, 'epoch:' || r.value, 'back:' || r.value)`,
    [list],
  );
  const newest = await db.getAllAsync<Row>(
    `SELECT m.value FROM json_each(?) AS r JOIN messages AS m ON m.room = r.value AND m.seq = ${newestOf("r.value")}`,
    [list],
  );
  const last = new Map(messagesFrom(parse(newest)).map((m) => [m.room, m]));
  const read = parse(values);
  const known = new Map(values.map(({ key }, i) => [key, read[i]]));
  const value = <T>(key: string) => known.get(key) as T | undefined; // the value that set has stored
  return new Map(names.map((room) => recordedOf(room, last.get(room), value)));
}

/** Visits each room once, by its place in the table, instead of all messages. */
function histories(db: Database): Promise<readonly History[]> {
  return db.getAllAsync<History>(
    `WITH RECURSIVE names(room) AS (
       SELECT min(room) FROM messages
       UNION ALL SELECT (SELECT min(room) FROM messages WHERE room > names.room) FROM names WHERE room IS NOT NULL
     )
     SELECT m.room, json_extract(m.value, '$.stored_at') AS at FROM names AS n
     JOIN messages AS m ON m.room = n.room AND m.seq = ${newestOf("n.room")}`,
    [],
  );
}

const newestOf = (room: string) => `(SELECT max(seq) FROM messages WHERE room = ${room})`;

/** A condition, and its parameters: the history of the room is of the epoch. */
const isOf = `ifnull((SELECT value FROM "values" WHERE key = ?), '') = ?`;
const ofEpoch = (room: string, epoch: string | undefined) => [
  `epoch:${room}`,
  epoch === undefined ? "" : JSON.stringify(epoch),
];

async function begin(db: Database, room: string, epoch: string | undefined): Promise<void> {
  await db.withTransactionAsync(async () => {
    await db.runAsync(`DELETE FROM messages WHERE room = ? AND NOT ${isOf}`, [room, ...ofEpoch(room, epoch)]);
    await set(db, `epoch:${room}`, epoch);
  });
}

/** Uses two statements for any number of messages, because each statement is a call into native code. */
async function keep(
  db: Database,
  room: string,
  messages: readonly Message[],
  own: readonly string[],
  epoch: string | undefined,
): Promise<void> {
  const list = JSON.stringify(messages);
  await db.withTransactionAsync(async () => {
    const rows = `SELECT ?, json_extract(value, '$.seq'), value FROM json_each(?) WHERE ${isOf}`;
    await db.runAsync(`INSERT OR REPLACE INTO messages (room, seq, value) ${rows}`, [
      room,
      list,
      ...ofEpoch(room, epoch),
    ]);
    await db.runAsync("DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))", [JSON.stringify(own)]);
  });
}

async function history(
  db: Database,
  room: string,
  limit: number,
  before = Number.MAX_SAFE_INTEGER,
  epoch?: string,
): Promise<Message[]> {
  const query = `SELECT value FROM messages WHERE room = ? AND seq < ? AND ${isOf} ORDER BY seq DESC LIMIT ?`;
  const rows = await db.getAllAsync<Row>(query, [room, before, ...ofEpoch(room, epoch), limit]);
  const found = messagesFrom(parse(rows)).reverse();
  const last = before === Number.MAX_SAFE_INTEGER ? found.at(-1)?.seq : before - 1;
  return last === undefined ? [] : runTo(last, found);
}

async function prune(db: Database, room: string, most: number): Promise<void> {
  const first = "SELECT seq FROM messages WHERE room = ? ORDER BY seq DESC LIMIT 1 OFFSET ?"; // the newest message to remove
  await db.runAsync(`DELETE FROM messages WHERE room = ? AND seq <= (${first})`, [room, room, most]);
}

async function put(db: Database, outgoing: Outgoing): Promise<void> {
  const row = [outgoing.id, JSON.stringify(outgoing)];
  await db.runAsync(
    "INSERT INTO outbox (id, value) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value",
    row,
  );
}

function parse(rows: readonly Row[]): unknown[] {
  return rows.map(({ value }): unknown => JSON.parse(value));
}
