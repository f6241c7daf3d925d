import type { RefObject } from "react";
import type { View } from "react-native";

/** Nothing: on phones the button and Back close what is open. */
export function useOutside(_element: RefObject<View | null>, _close: () => void): void {
  return undefined;
}
