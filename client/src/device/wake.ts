import { AppState } from "react-native";

import type { Wake } from "../core/device";

/** The app comes to the front. What the network does shows by what fails. */
export const wake: Wake = {
  online: () => true,
  subscribe(woken) {
    const subscription = AppState.addEventListener("change", (state) => {
      if (state === "active") woken();
    });
    return () => subscription.remove();
  },
};
