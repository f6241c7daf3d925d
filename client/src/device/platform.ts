import { CryptoDigestAlgorithm, digestStringAsync } from "expo-crypto";
import { deleteDatabaseAsync, openDatabaseAsync } from "expo-sqlite";

import type { Device, Platform } from "../core/device";
import { isUnsent } from "../core/message";

import { newID } from "./id";
import { eraseKeyValues, keyValues } from "./keyvalues";
import { openMemory } from "./memory";
import { openSQLite } from "./sqlite";
import { openTabs } from "./tabs";
import { connectivity } from "./connectivity";

/** A phone. */
export const platform: Platform = {
  keyValues,
  connectivity,
  newID,
  server: null,
  negotiates: false,
  device: (server, client) => open(server, client).catch(() => openMemory()),
  tabs: openTabs,
  persist: () => Promise.resolve(true), // a phone never removes an app's data by itself
  unsent,
  erase,
  takeToken: () => null,
};

/** Opens the file of a client on a server. Its name is a hash, because names of clients can be too long or not valid for files. */
async function open(server: string, client: string): Promise<Device> {
  const file = `${await digestStringAsync(CryptoDigestAlgorithm.SHA256, `${server}\n${client}`)}.db`;
  const db = await openDatabaseAsync(file);
  const device = await openSQLite(db, () => drop(file));
  opened.set(file, device);
  await noteFile(file).catch(() => undefined); // on failure the next start notes it
  return device;
}

/** The open files. */
const opened = new Map<string, Device>();
/** The key of the list of files. */
const listKey = "databases";

async function noteFile(file: string): Promise<void> {
  const files = await notedFiles();
  if (!files.includes(file)) await keyValues.write(listKey, JSON.stringify([...files, file]));
}

async function notedFiles(): Promise<readonly string[]> {
  const noted: unknown = JSON.parse((await keyValues.read(listKey)) ?? "[]"); // only this file writes the value
  return Array.isArray(noted) ? noted.filter((file) => typeof file === "string") : [];
}

/** Counts the unsent messages in the files of all clients. A file that cannot be read counts as empty. */
async function unsent(): Promise<number> {
  let sum = 0;
  for (const file of await notedFiles()) sum += await unsentIn(file).catch(() => 0);
  return sum;
}

async function unsentIn(file: string): Promise<number> {
  const running = opened.get(file);
  const device = running ?? (await openSQLite(await openDatabaseAsync(file), () => Promise.resolve()));
  try {
    return (await device.outbox()).filter(isUnsent).length;
  } finally {
    if (running === undefined) device.close();
  }
}

/** Deletes the files of all clients, and all key values. A file that is open is closed first. Rejects if a file could not be deleted. */
async function erase(): Promise<void> {
  const results = await Promise.allSettled((await notedFiles()).map(eraseFile));
  await eraseKeyValues();
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function eraseFile(file: string): Promise<void> {
  const device = opened.get(file);
  await (device === undefined ? deleteDatabaseAsync(file) : device.erase());
}

/** Deletes a file that is closed, and forgets it. */
async function drop(file: string): Promise<void> {
  opened.delete(file);
  await deleteDatabaseAsync(file);
  await keyValues.write(listKey, JSON.stringify((await notedFiles()).filter((noted) => noted !== file)));
}
