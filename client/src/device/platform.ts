import { CryptoDigestAlgorithm, digestStringAsync } from "expo-crypto";
import { deleteDatabaseAsync, openDatabaseAsync } from "expo-sqlite";

import type { Device, Platform } from "../core/device";

import { newID } from "./id";
import { keyValues } from "./keyvalues";
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
  takeToken: () => null,
};

/** Opens the file of a client on a server. Its name is a hash, because names of clients can be too long or not valid for files. */
async function open(server: string, client: string): Promise<Device> {
  const file = `${await digestStringAsync(CryptoDigestAlgorithm.SHA256, `${server}\n${client}`)}.db`;
  const db = await openDatabaseAsync(file);
  return openSQLite(db, () => deleteDatabaseAsync(file));
}
