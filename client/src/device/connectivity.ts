import { addNetworkStateListener } from "expo-network";
import { AppState } from "react-native";

import type { Connectivity } from "../core/device";
import { Emitter, Store } from "../core/store";

/** How long an app in the background keeps its connection, in milliseconds. The system would soon stop the app, or cut it off. */
const grace = 3_000;

const awake = new Store(true);
const woken = new Emitter();
let connected = true;
let sleep: ReturnType<typeof setTimeout> | undefined;

/**
 * Fires when the app comes to the front, and when the phone's network changes. An app that stays in the background gives its
 * connection up, and opens another one at the front.
 */
export const connectivity: Connectivity = {
  online: () => connected,
  subscribe: woken.subscribe,
  awake,
};

AppState.addEventListener("change", (state) => {
  clearTimeout(sleep);
  if (state === "background") sleep = setTimeout(() => awake.set(false), grace);
  if (state !== "active") return;
  awake.set(true);
  woken.emit();
});

addNetworkStateListener(({ isConnected }) => {
  connected = isConnected !== false;
  woken.emit();
});
