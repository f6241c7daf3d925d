import type { SlotOptions } from "../core/device";
import { freeSlot, type Slot } from "../core/hub";

/**
 * A browser has six connections for one host over HTTP/1.1, for all tabs together. So many of them may be held by tabs that have
 * no WebSocket. The others are for the requests of all tabs.
 */
const names = [1, 2, 3].map((n) => `restante connection ${n}`);

type Locks = Pick<LockManager, "request">;

/** Returns Tabs.slot. A page without locks (plain http to another machine) has no way to count the connections of other tabs. */
export function slotsOf(locks: Locks | undefined): (o: SlotOptions) => Promise<Slot> {
  /** Whether this tab may take the slot of another one at once: not after another tab has taken its own, or two would take turns. */
  let mayTake = true;
  const granted = ({ lost, release }: Slot): Slot => {
    let own = true;
    mayTake = false;
    void lost.then(() => (own = false));
    const give = () => {
      mayTake ||= own;
      release();
    };
    return { lost, release: give };
  };
  return async (o) => {
    if (locks === undefined) return freeSlot();
    try {
      for (const name of names) {
        const slot = await request(locks, name, { ifAvailable: true });
        if (slot !== null) return granted(slot);
      }
    } catch {
      return freeSlot(); // the browser grants no lock
    }
    o.waits();
    return granted(await wait(locks, o, mayTake));
  };
}

/** Waits until a slot is free, or takes one when the user comes to this tab. Rejects when end is aborted. */
function wait(locks: Locks, { end, asked }: SlotOptions, takes: boolean): Promise<Slot> {
  return new Promise((resolve, reject) => {
    const waiting = new AbortController();
    const stop = () => {
      waiting.abort();
      off();
      end.removeEventListener("abort", cancel);
    };
    const cancel = () => {
      stop();
      reject(new Error("ended"));
    };
    const use = (slot: Slot | null) => {
      if (slot === null) return;
      if (waiting.signal.aborted) return slot.release(); // another one came first
      stop();
      resolve(slot);
    };
    const ignore = () => undefined;
    const take = () => {
      const name = names[Math.floor(Math.random() * names.length)] ?? "";
      if (document.visibilityState === "visible") request(locks, name, { steal: true }).then(use, ignore);
    };
    const off = asked(take);
    end.addEventListener("abort", cancel);
    if (end.aborted) return cancel();
    for (const name of names) request(locks, name, { signal: waiting.signal }).then(use, ignore);
    if (takes) take();
  });
}

/** Requests a lock, and resolves with the right to hold a connection. Null if the lock is not available now. */
function request(locks: Locks, name: string, options: LockOptions): Promise<Slot | null> {
  return new Promise((resolve, reject) => {
    let release = () => {};
    const held = new Promise<void>((done) => (release = done));
    let lose = () => {};
    const lost = new Promise<void>((taken) => (lose = taken));
    const use = (lock: Lock | null) => {
      resolve(lock === null ? null : { lost, release });
      return lock === null ? undefined : held;
    };
    locks.request(name, options, use).catch((error: unknown) => {
      lose(); // another tab has taken the lock
      reject(error);
    });
  });
}
