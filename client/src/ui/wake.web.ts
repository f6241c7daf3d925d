const moments = ["focus", "pageshow", "languagechange"] as const;

/**
 * Calls woken when the page may have slept or the device's settings may have changed: when it becomes visible, gets the focus, or comes
 * back from the browser's page cache. The returned function ends this.
 */
export function onWake(woken: () => void): () => void {
  for (const moment of moments) window.addEventListener(moment, woken);
  document.addEventListener("visibilitychange", woken);
  return () => {
    for (const moment of moments) window.removeEventListener(moment, woken);
    document.removeEventListener("visibilitychange", woken);
  };
}
