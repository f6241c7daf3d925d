import type { Tabs } from "../core/device";

/** An app on a phone has no tabs. It always leads, and its events go nowhere. */
export function openTabs(): Tabs {
  return { lead: () => Promise.resolve(), post() {}, subscribe: () => () => undefined, close() {} };
}
