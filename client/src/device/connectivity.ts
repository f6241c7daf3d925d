import { AppState } from "react-native";

import type { Connectivity } from "../core/device";

/** Fires when the app comes to the front. Network changes are noticed by failed requests. */
export const connectivity: Connectivity = {
  online: () => true,
  subscribe(woken) {
    const subscription = AppState.addEventListener("change", (state) => {
      if (state === "active") woken();
    });
    return () => subscription.remove();
  },
};
