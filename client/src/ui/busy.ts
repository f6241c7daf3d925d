import { useState } from "react";

/** Makes an act that is not begun anew while it lasts, and tells whether it does. */
export function useBusy(act: () => Promise<unknown>): readonly [busy: boolean, begin: () => void] {
  const [busy, setBusy] = useState(false);
  const begin = () => {
    if (busy) return;
    setBusy(true);
    void act().finally(() => setBusy(false));
  };
  return [busy, begin];
}
