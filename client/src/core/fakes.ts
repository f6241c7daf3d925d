import { Emitter, Store } from "./store";
import type { TabEvent, Tabs, Connectivity } from "./device";
import type { Message, Unsent } from "./message";

// Fakes of the machine and the network for the tests of this folder.

export { FakeDevice } from "./device.fakes";
export { FakeServer, problem } from "./fakes.server";

export function message(seq: number, change: Partial<Message> = {}): Message {
  const at = new Date(Date.UTC(2026, 0, 1) + seq * 1000).toISOString();
  return {
    kind: "message",
    id: `id-${seq}`,
    room: "lobby",
    seq,
    client_id: "bob",
    msg: `message ${seq}`,
    sent_at: at,
    stored_at: at,
    ...change,
  };
}

/** A message of the client that waits. */
export function unsent(id: string, change: Partial<Unsent> = {}): Unsent {
  const written = {
    kind: "outgoing",
    id,
    room: "lobby",
    msg: "a",
    written_at: "2026-01-01T00:00:00Z",
    order: 1,
  } as const;
  return { ...written, state: "waiting", reason: null, ...change };
}

export function messages(from: number, to: number, change: Partial<Message> = {}): Message[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => message(from + i, change));
}

/** Runs everything that does not wait for a timer. */
export async function flushPromises(): Promise<void> {
  for (let i = 0; i < 60; i++) await Promise.resolve();
}

export class FakeConnectivity implements Connectivity {
  isOnline = true;
  readonly awake = new Store(true);
  readonly events = new Emitter();
  listeners = 0;
  readonly online = () => this.isOnline;
  readonly subscribe = (woken: () => void) => {
    const off = this.events.subscribe(woken);
    this.listeners++;
    return () => {
      this.listeners--;
      off();
    };
  };
}

/** The tabs of one client. Each tab() is another one. The first that calls lead leads until it closes. */
export class FakeTabs {
  readonly #tabs: { listeners: Set<(event: TabEvent) => void>; lead: () => void; led: Promise<void> }[] = [];
  readonly #queue: (() => void)[] = [];
  readonly posted: TabEvent[] = [];

  tab(): Tabs {
    const listeners = new Set<(event: TabEvent) => void>();
    let lead = () => {};
    const led = new Promise<void>((resolve) => (lead = resolve));
    const me = { listeners, lead, led };
    this.#tabs.push(me);
    return {
      lead: () => {
        this.#queue.push(lead);
        if (this.#queue.length === 1) lead();
        return led;
      },
      post: (event) => {
        this.posted.push(event);
        const others = this.#tabs.filter((t) => t !== me).flatMap((t) => [...t.listeners]);
        void Promise.resolve().then(() => others.forEach((listener) => listener(structuredClone(event))));
      },
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      close: () => {
        listeners.clear();
        const at = this.#queue.indexOf(lead);
        if (at >= 0) this.#queue.splice(at, 1);
        if (at === 0) this.#queue[0]?.();
      },
    };
  }
}

/** Makes a token without a valid signature. The app does not check signatures. */
export function tokenOf(claims: Record<string, unknown>): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
}
