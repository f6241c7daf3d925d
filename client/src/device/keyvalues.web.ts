import type { KeyValueStore } from "../core/device";

const prefix = "restante:";
/** Values that the browser could not store. They live as long as the page. */
const unsaved = new Map<string, string | null>();

/** Removes all values of the app. */
export async function eraseKeyValues(): Promise<void> {
  unsaved.clear();
  for (const storage of [localStorage, sessionStorage])
    for (const key of Object.keys(storage)) if (key.startsWith(prefix)) storage.removeItem(key);
}

/** The browser's localStorage, which tabs share. */
export const keyValues: KeyValueStore = {
  async read(key) {
    try {
      return unsaved.has(key) ? (unsaved.get(key) ?? null) : localStorage.getItem(prefix + key);
    } catch {
      return null;
    }
  },
  async write(key, value) {
    try {
      if (value === null) localStorage.removeItem(prefix + key);
      else localStorage.setItem(prefix + key, value);
      unsaved.delete(key);
    } catch {
      unsaved.set(key, value);
    }
  },
};
