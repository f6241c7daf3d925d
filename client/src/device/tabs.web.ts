import type { TabEvent, Tabs } from "../core/device";

/**
 * Joins the tabs of that name. One of them at a time leads, the next one as soon as it has closed. Where a page has no locks
 * (plain http to another machine) or may not use them, each tab leads, which costs requests and doubles nothing.
 */
export function openTabs(name: string): Tabs {
  const channel = openChannel(name);
  const end = new AbortController();
  return {
    lead: () => (navigator.locks === undefined ? Promise.resolve() : hold(navigator.locks, name, end.signal)),
    post(event) {
      if (!end.signal.aborted) channel?.postMessage(event);
    },
    subscribe(heard) {
      const listen = (event: MessageEvent<TabEvent>) => heard(event.data);
      channel?.addEventListener("message", listen);
      return () => channel?.removeEventListener("message", listen);
    },
    close() {
      end.abort();
      channel?.close();
    },
  };
}

/** Null where the browser lets the page share nothing, as Firefox does when it blocks cookies. */
function openChannel(name: string): BroadcastChannel | null {
  try {
    return new BroadcastChannel(name);
  } catch {
    return null;
  }
}

/** Resolves when this tab has the lock, which it holds until the end. */
function hold(locks: LockManager, name: string, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const held = () =>
      new Promise<void>((release) => {
        end.addEventListener("abort", () => release());
        resolve();
      });
    locks.request(name, { signal: end }, held).catch(() => {
      if (!end.aborted) resolve(); // the browser grants none: nobody else has it either
    });
  });
}
