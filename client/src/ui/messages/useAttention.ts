import { useSyncExternalStore } from "react";
import { AppState } from "react-native";

function subscribe(changed: () => void): () => void {
  const subscription = AppState.addEventListener("change", changed);
  return () => subscription.remove();
}

/** Whether the user looks at the app, that is whether it is in front. */
export function useAttention(): boolean {
  return useSyncExternalStore(subscribe, () => AppState.currentState === "active");
}
