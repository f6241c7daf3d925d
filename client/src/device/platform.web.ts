import type { Platform } from "../core/device";

import { databaseOf, eraseDatabases } from "./databases.web";
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
  async erase() {
    await eraseDatabases();
    await eraseKeyValues();
  },
  takeToken() {
    const token = tokenOfAddress();
    if (token !== null) history.replaceState(null, "", location.pathname + location.search);
    return token === "" ? null : token;
  },
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

function tokenOfAddress(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get("token");
}

/** Reloads the page when the user follows a link with a token while the page is open, because the browser then changes only the fragment. */
export function followTokens(): void {
  window.addEventListener("hashchange", () => {
    if (tokenOfAddress() !== null) location.reload();
  });
}
