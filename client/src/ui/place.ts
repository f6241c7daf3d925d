import { useEffect, useMemo, useState } from "react";
import { BackHandler } from "react-native";

import type { Place } from "./where";

/** Returns the visible room. The phone's back button leads to the list. */
export function usePlace(): Place {
  const [room, setRoom] = useState<string | null>(null);
  useEffect(() => {
    if (room === null) return;
    const subscription = BackHandler.addEventListener("hardwareBackPress", () => {
      setRoom(null);
      return true;
    });
    return () => subscription.remove();
  }, [room]);
  return useMemo(() => ({ room, show: setRoom, back: () => setRoom(null) }), [room]);
}
