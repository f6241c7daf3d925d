import { useState } from "react";

/** Wraps an action so that it does not start again while it runs. Returns whether it runs. */
export function useBusy(act: () => Promise<unknown>): readonly [busy: boolean, begin: () => void] {
  const [busy, setBusy] = useState(false);
  const begin = () => {
    if (busy) return;
    setBusy(true);
    void act().finally(() => setBusy(false));
  };
  return [busy, begin];
}
