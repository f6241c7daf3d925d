import type { TabEvent, Tabs } from "../core/device";

import { slotsOf } from "./slots.web";

/**
 * Joins the tabs of that name. One tab leads at a time; when it closes, the next one leads. If a page has no locks (plain http
 * to another machine) or may not use them, every tab leads, which costs requests but adds no message twice.
 */
export function openTabs(name: string): Tabs {
  const channel = openChannel(name);
  const end = new AbortController();
  return {
    slot: slotsOf(navigator.locks),
    lead: () => (navigator.locks === undefined ? Promise.resolve() : hold(navigator.locks, name, end.signal)),
    post(event) {
      if (!end.signal.aborted) channel?.postMessage(event);
    },
    subscribe(listener) {
      const listen = (event: MessageEvent<TabEvent>) => listener(event.data);
      channel?.addEventListener("message", listen);
      return () => channel?.removeEventListener("message", listen);
    },
    close() {
      end.abort();
      channel?.close();
    },
  };
}

/** Opens the channel of that name between tabs. Null if the browser does not allow channels, as Firefox does when it blocks cookies. */
export function openChannel(name: string): BroadcastChannel | null {
  try {
    return new BroadcastChannel(name);
  } catch {
    return null;
  }
}

/** Resolves when this tab has the lock. It holds the lock until end is aborted. */
function hold(locks: LockManager, name: string, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const held = () =>
      new Promise<void>((release) => {
        end.addEventListener("abort", () => release());
        resolve();
      });
    locks.request(name, { signal: end }, held).catch(() => {
      if (!end.aborted) resolve(); // the browser grants no lock, so no other tab has it
    });
  });
}
