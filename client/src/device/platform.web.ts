import type { Platform } from "../core/device";

import { databaseOf, eraseDatabases, unsentInDatabases } from "./databases.web";
import { newID } from "./id";
import { openIndexedDB } from "./indexeddb";
import { eraseKeyValues, keyValues } from "./keyvalues";
import { openMemory } from "./memory";
import { openTabs } from "./tabs";
import { connectivity } from "./connectivity";

/** A browser. */
export const platform: Platform = {
  keyValues,
  connectivity,
  newID,
  server: location.origin,
  negotiates: true,
  device: (server, client) => openIndexedDB(databaseOf(server, client)).catch(() => openMemory()),
  tabs: (server, client) => openTabs(`restante ${server} ${client}`),
  persist: () => (persisted ??= askToPersist()),
  unsent: unsentInDatabases,
  async erase() {
    await eraseDatabases();
    await eraseKeyValues();
  },
  takeToken: () => takeToken(location.pathname + location.search),
  followTokens: (listener) => void (follower = listener),
};

let persisted: Promise<boolean> | undefined;

/** Firefox asks the user; other browsers decide by themselves. Not all have it, and none on a page over plain http. */
async function askToPersist(): Promise<boolean> {
  try {
    return (await navigator.storage?.persisted?.()) || (await navigator.storage?.persist?.()) || false;
  } catch {
    return false;
  }
}

/** Called with the token of a link that is followed while the page is open. */
let follower: ((token: string) => void) | undefined;

/** Returns the token in the address, and replaces the address. */
function takeToken(address: string): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", address);
  return token === "" ? null : token;
}

/**
 * Takes the token of a link that the user follows while the page is open, because the browser then changes only the fragment. The
 * address is again the one before. Called before the app reads the address.
 */
export function listenForTokens(): void {
  window.addEventListener("hashchange", ({ oldURL }) => {
    const token = takeToken(oldURL);
    if (token !== null) follower?.(token);
  });
}
