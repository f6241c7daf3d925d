import { AppState } from "react-native";

/** Calls left whenever the app is left, which may be for ever, until the function that it returns is called. */
export function onLeave(left: () => void): () => void {
  const subscription = AppState.addEventListener("change", (state) => {
    if (state !== "active") left();
  });
  return () => subscription.remove();
}
