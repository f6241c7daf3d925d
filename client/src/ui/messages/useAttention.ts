import { useSyncExternalStore } from "react";
import { AppState } from "react-native";

function subscribe(changed: () => void): () => void {
  const subscription = AppState.addEventListener("change", changed);
  return () => subscription.remove();
}

/** Whether somebody looks at the app: it is in front. */
export function useAttention(): boolean {
  return useSyncExternalStore(subscribe, () => AppState.currentState === "active");
}
