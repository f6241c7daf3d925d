import type { EventRing } from "../core/events";

/** React Native's handler of errors that nothing has caught. */
interface ErrorUtils {
  getGlobalHandler(): (error: unknown, fatal?: boolean) => void;
  setGlobalHandler(handler: (error: unknown, fatal?: boolean) => void): void;
}

/** Notes errors that nothing has caught. The returned function ends this. */
export function noteErrors(events: EventRing): () => void {
  const { ErrorUtils: errors } = globalThis as { ErrorUtils?: ErrorUtils }; // React Native defines it
  if (errors === undefined) return () => undefined;
  const before = errors.getGlobalHandler();
  errors.setGlobalHandler((error, fatal) => {
    events.caught("uncaught", error);
    before(error, fatal);
  });
  return () => errors.setGlobalHandler(before);
}
