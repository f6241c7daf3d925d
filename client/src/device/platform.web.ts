import type { Platform } from "../core/device";

import { newID } from "./id";
import { openIndexedDB } from "./indexeddb";
import { keyValues } from "./keyvalues";
import { openMemory } from "./memory";
import { openTabs } from "./tabs";
import { connectivity } from "./connectivity";

const nameOf = (server: string, client: string) => `restante ${server} ${client}`;

/** A browser. */
export const platform: Platform = {
  keyValues,
  connectivity,
  newID,
  server: location.origin,
  negotiates: true,
  device: (server, client) => openIndexedDB(nameOf(server, client)).catch(() => openMemory()),
  tabs: (server, client) => openTabs(nameOf(server, client)),
  takeToken() {
    const token = tokenOfAddress();
    if (token !== null) history.replaceState(null, "", location.pathname + location.search);
    return token === "" ? null : token;
  },
};

function tokenOfAddress(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get("token");
}

/** Reloads the page when the user follows a link with a token while the page is open, because the browser then changes only the fragment. */
export function followTokens(): void {
  window.addEventListener("hashchange", () => {
    if (tokenOfAddress() !== null) location.reload();
  });
}
