import { useEffect, useState } from "react";

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

/** Whether something has lasted so long that the app should show it, in milliseconds. */
export function useLasting(busy: boolean, long: number): boolean {
  const [lasts, setLasts] = useState(false);
  useEffect(() => {
    if (!busy) return;
    const timer = setTimeout(() => setLasts(true), long);
    return () => {
      clearTimeout(timer);
      setLasts(false);
    };
  }, [busy, long]);
  return busy && lasts;
}
