/** Calls left whenever the user leaves the page, after which it may never run again. The returned function ends this. */
export function onLeave(left: () => void): () => void {
  const hidden = () => {
    if (document.visibilityState === "hidden") left();
  };
  window.addEventListener("pagehide", left);
  window.addEventListener("blur", left);
  document.addEventListener("visibilitychange", hidden);
  return () => {
    window.removeEventListener("pagehide", left);
    window.removeEventListener("blur", left);
    document.removeEventListener("visibilitychange", hidden);
  };
}
