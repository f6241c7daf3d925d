import { useEffect, useMemo, useState } from "react";
import { BackHandler } from "react-native";

import type { Place, Spot } from "./where";

/** Returns the current place. The phone's back button leads to the list. */
export function usePlace(): Place {
  const [{ room, seq }, setSpot] = useState<Spot>({ room: null, seq: null });
  const back = useMemo(() => () => setSpot({ room: null, seq: null }), []);
  useEffect(() => (room === null ? undefined : onBack(back)), [room, back]);
  return useMemo(
    () => ({ room, seq, show: (room, seq) => setSpot({ room, seq: seq ?? null }), back }),
    [room, seq, back],
  );
}

/** Closes a layer over the page, such as a menu, with the phone's back button. Dialogs do so by themselves. */
export function useLayer(close: () => void): void {
  useEffect(() => onBack(close), [close]);
}

function onBack(act: () => void): () => void {
  const subscription = BackHandler.addEventListener("hardwareBackPress", () => {
    act();
    return true;
  });
  return () => subscription.remove();
}
