import { deleteItemAsync, getItemAsync, setItemAsync } from "expo-secure-store";

import type { KeyValueStore } from "../core/device";

import { isOfTab } from "./oftab";

const prefix = "restante.";
/** The values of the only tab that a phone has: the run of the app. */
const ofTab = new Map<string, string>();

/** The key of the list of keys, because a keychain does not tell which keys exist. */
const listKey = `${prefix}keys`;
/** The keys that versions without this list have written. */
const earlier: readonly string[] = ["server", "identity", "language", "scheme", "density"];

/** The system's keychain. Keys consist of letters, digits, dots, dashes and underscores. */
export const keyValues: KeyValueStore = {
  async read(key) {
    return isOfTab(key) ? (ofTab.get(key) ?? null) : await getItemAsync(prefix + key);
  },
  async write(key, value) {
    if (isOfTab(key)) return void (value === null ? ofTab.delete(key) : ofTab.set(key, value));
    if (value === null) return deleteItemAsync(prefix + key);
    const keys = await knownKeys();
    if (!keys.includes(key)) await setItemAsync(listKey, JSON.stringify([...keys, key]));
    await setItemAsync(prefix + key, value);
  },
};

/** Removes all values of the app. A keychain keeps them even when the app is removed from the phone. */
export async function eraseKeyValues(): Promise<void> {
  ofTab.clear();
  for (const key of await knownKeys()) await deleteItemAsync(prefix + key);
  await deleteItemAsync(listKey);
}

async function knownKeys(): Promise<readonly string[]> {
  const noted: unknown = JSON.parse((await getItemAsync(listKey)) ?? "null"); // only this file writes the value
  return Array.isArray(noted) ? noted.filter((key) => typeof key === "string") : earlier;
}
