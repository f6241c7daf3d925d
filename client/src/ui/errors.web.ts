import type { EventRing } from "../core/events";

/** Notes errors that nothing has caught. The returned function ends this. */
export function noteErrors(events: EventRing): () => void {
  const thrown = (event: ErrorEvent) => events.caught("uncaught", event.error);
  const rejected = (event: PromiseRejectionEvent) => events.caught("unhandled", event.reason);
  window.addEventListener("error", thrown);
  window.addEventListener("unhandledrejection", rejected);
  return () => {
    window.removeEventListener("error", thrown);
    window.removeEventListener("unhandledrejection", rejected);
  };
}
