import { useWindowDimensions } from "react-native";

import { twoPanes } from "./theme";

/** Whether the list of rooms and a room fit side by side. */
export function useWide(): boolean {
  return useWindowDimensions().width >= twoPanes;
}
