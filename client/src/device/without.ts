import type { Platform } from "../core/device";

import { openMemory } from "./memory";

/** Returns the platform without what it keeps of messages, for an app that fails with them. Other tabs and the device notice nothing. */
export function withoutDevice(platform: Platform): Platform {
  const tabs = { lead: () => Promise.resolve(), post() {}, subscribe: () => () => undefined, close() {} };
  return { ...platform, device: () => Promise.resolve(openMemory()), tabs: () => tabs };
}
