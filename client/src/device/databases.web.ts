import { isUnsent } from "../core/message";

import { eraseIndexedDB, openIndexedDB } from "./indexeddb";
import { keyValues } from "./keyvalues";

const prefix = "restante ";
/** The key of the list of names, for browsers that do not tell which databases exist. */
const listKey = "databases";

/** Returns the name of a client's database, and notes it, so that it can be erased later. */
export function databaseOf(server: string, client: string): string {
  const name = `${prefix}${server} ${client}`;
  void noteName(name);
  return name;
}

async function noteName(name: string): Promise<void> {
  const noted = await notedNames();
  if (!noted.includes(name)) await keyValues.write(listKey, JSON.stringify([...noted, name]));
}

async function notedNames(): Promise<readonly string[]> {
  try {
    const noted: unknown = JSON.parse((await keyValues.read(listKey)) ?? "[]");
    return Array.isArray(noted) ? noted.filter((name) => typeof name === "string") : [];
  } catch {
    return []; // something else has written the value
  }
}

/** Erases the databases of all clients on all servers. Rejects if one could not be erased, after it has tried all. */
export async function eraseDatabases(): Promise<void> {
  const results = await Promise.allSettled((await allNames()).map(eraseIndexedDB));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** Counts the messages in the databases of all clients that are not sent. A database that cannot be read counts as empty. */
export async function unsentInDatabases(): Promise<number> {
  const counts = await Promise.all((await allNames()).map((name) => unsentIn(name).catch(() => 0)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function unsentIn(name: string): Promise<number> {
  const device = await openIndexedDB(name);
  try {
    return (await device.outbox()).filter(isUnsent).length;
  } finally {
    device.close();
  }
}

/** Returns the names of the databases that exist, or have existed. */
async function allNames(): Promise<readonly string[]> {
  const names = [...(await existingNames()), ...(await notedNames())];
  return [...new Set(names.filter((name) => name.startsWith(prefix)))];
}

/** Empty if the browser does not tell. */
async function existingNames(): Promise<readonly string[]> {
  const databases = await globalThis.indexedDB?.databases?.().catch(() => []);
  return (databases ?? []).flatMap(({ name }) => name ?? []);
}
