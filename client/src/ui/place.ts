import { useEffect, useMemo } from "react";
import { BackHandler } from "react-native";

import { useReadable } from "./readable";
import { addLayer, closeTopmost, list, spot } from "./spot";
import type { Place } from "./where";
import { useLatest } from "./latest";

/** Returns the current place. The phone's back button closes what is open over it, then it leads to the list, then out of the app. */
export function usePlace(): Place {
  const { room, seq } = useReadable(spot);
  useEffect(() => () => spot.set(list), []); // somebody else begins at the list
  useEffect(() => (room === null ? undefined : onBack(() => closeTopmost() || back())), [room]);
  return useMemo(() => ({ room, seq, show, back }), [room, seq]);
}

/** Closes a layer over the page, such as a menu, with the phone's back button. */
export function useLayer(close: () => void): void {
  const newest = useLatest(close);
  useEffect(() => {
    const remove = addLayer(() => newest.current());
    const end = onBack(closeTopmost);
    return () => {
      end();
      remove();
    };
  }, [newest]);
}

function show(room: string, seq?: number | null): void {
  spot.set({ room, seq: seq ?? null });
}

function back(): true {
  spot.set(list);
  return true;
}

/** Calls act when the back button is pressed, before what was registered earlier, which is called if act returns false. */
function onBack(act: () => boolean): () => void {
  const subscription = BackHandler.addEventListener("hardwareBackPress", act);
  return () => subscription.remove();
}
