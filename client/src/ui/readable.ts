import { useSyncExternalStore } from "react";

import type { Readable } from "../core/cell";

/** The value of a Readable, now and whenever it changes. */
export function useReadable<T>(readable: Readable<T>): T {
  return useSyncExternalStore(readable.subscribe, readable.get, readable.get);
}
