import { useSyncExternalStore } from "react";

import { roomPattern } from "../core/message";
import type { Place } from "./where";

const fromList = "from the list";
const watchers = new Set<() => void>();

/** Returns the visible room. It is in the page's fragment, so that back, forward, bookmarks and links lead to rooms. */
export function usePlace(): Place {
  return { room: useSyncExternalStore(subscribe, roomOfPage), show, back };
}

function roomOfPage(): string | null {
  const room = location.hash.startsWith("#/") ? location.hash.slice(2) : "";
  return roomPattern.test(room) ? room : null;
}

function show(room: string): void {
  const before = roomOfPage();
  if (before === room) return;
  history.pushState(before === null ? fromList : null, "", `#/${room}`);
  notify();
}

/** Goes back to the list, without a new history entry if the list is the previous one. */
function back(): void {
  if (history.state === fromList) return history.back();
  history.replaceState(null, "", location.pathname + location.search);
  notify();
}

function notify(): void {
  for (const changed of [...watchers]) changed();
}

function subscribe(changed: () => void): () => void {
  watchers.add(changed);
  window.addEventListener("popstate", changed);
  window.addEventListener("hashchange", changed);
  return () => {
    watchers.delete(changed);
    window.removeEventListener("popstate", changed);
    window.removeEventListener("hashchange", changed);
  };
}
