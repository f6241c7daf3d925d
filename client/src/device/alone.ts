import type { Tabs } from "../core/device";

/** The tabs of an app that has only one. It always leads, and its events go nowhere. */
export function alone(): Tabs {
  return { lead: () => Promise.resolve(), post() {}, subscribe: () => () => undefined, close() {} };
}
