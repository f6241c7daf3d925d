import type { Connectivity } from "../core/device";

/** Fires when the browser goes online or offline, and when the page comes to the front or is restored from the browser's page cache. */
export const connectivity: Connectivity = {
  online: () => navigator.onLine,
  subscribe(woken) {
    const shown = () => {
      if (document.visibilityState === "visible") woken();
    };
    const moments = ["online", "offline", "pageshow", "focus"] as const;
    for (const moment of moments) window.addEventListener(moment, woken);
    document.addEventListener("visibilitychange", shown);
    return () => {
      for (const moment of moments) window.removeEventListener(moment, woken);
      document.removeEventListener("visibilitychange", shown);
    };
  },
};
