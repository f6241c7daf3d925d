import type { Platform } from "../core/device";

import { newID } from "./id";
import { openIndexedDB } from "./indexeddb";
import { keep } from "./keep";
import { openMemory } from "./memory";
import { openTabs } from "./tabs";
import { wake } from "./wake";

const nameOf = (server: string, client: string) => `restante ${server} ${client}`;

/** A browser. */
export const platform: Platform = {
  keep,
  wake,
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
