import { useSyncExternalStore } from "react";

const events = ["focus", "blur"] as const;

function subscribe(changed: () => void): () => void {
  for (const event of events) window.addEventListener(event, changed);
  document.addEventListener("visibilitychange", changed);
  return () => {
    for (const event of events) window.removeEventListener(event, changed);
    document.removeEventListener("visibilitychange", changed);
  };
}

/** Whether the user looks at the page, that is whether it is visible and has the focus. */
export function isAttentive(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** Returns isAttentive, and draws again when it changes. */
export function useAttention(): boolean {
  return useSyncExternalStore(subscribe, isAttentive, () => false);
}
