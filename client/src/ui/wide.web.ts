import { useSyncExternalStore } from "react";

import { twoPanes } from "./theme";

const wide = matchMedia(`(min-width: ${twoPanes / 16}em)`); // larger texts need more space

/** Whether the list of rooms and a room fit side by side. */
export function useWide(): boolean {
  return useSyncExternalStore(subscribe, () => wide.matches);
}

function subscribe(changed: () => void): () => void {
  wide.addEventListener("change", changed);
  return () => wide.removeEventListener("change", changed);
}
