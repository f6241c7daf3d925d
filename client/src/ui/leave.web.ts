/** Calls left whenever the page is left, which may be for ever, until the function that it returns is called. */
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
