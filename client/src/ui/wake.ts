import { AppState } from "react-native";

/** Calls woken when the app comes to the front, because its timers have not run until then. The returned function ends this. */
export function onWake(woken: () => void): () => void {
  const subscription = AppState.addEventListener("change", (state) => {
    if (state === "active") woken();
  });
  return () => subscription.remove();
}
