import { useSyncExternalStore } from "react";

import type { Readable } from "../core/store";

/** Returns the value of a Readable, and draws again when it changes. */
export function useReadable<T>(readable: Readable<T>): T {
  return useSyncExternalStore(readable.subscribe, readable.get, readable.get);
}
