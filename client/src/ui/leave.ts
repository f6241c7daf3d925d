import { AppState } from "react-native";

/** Calls left whenever the app leaves the front, after which it may never run again. The returned function ends this. */
export function onLeave(left: () => void): () => void {
  const subscription = AppState.addEventListener("change", (state) => {
    if (state !== "active") left();
  });
  return () => subscription.remove();
}
