import type { Wake } from "../core/device";

/** The browser's network comes and goes; the page comes to the front, or back out of the browser's memory. */
export const wake: Wake = {
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
