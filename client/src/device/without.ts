import type { Platform } from "../core/device";

import { alone } from "./alone";
import { openMemory } from "./memory";

/** Returns the platform without what it keeps of messages, for an app that fails with them. Other tabs and the device notice nothing. */
export function withoutDevice(platform: Platform): Platform {
  return { ...platform, device: () => Promise.resolve(openMemory()), tabs: alone };
}
