import type { Tabs } from "../core/device";

/** An app on a phone has no tabs: it sends by itself, and has nobody to tell. */
export function openTabs(): Tabs {
  return { lead: () => Promise.resolve(), post() {}, subscribe: () => () => undefined, close() {} };
}
