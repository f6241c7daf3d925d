import type { SlotOptions } from "../core/device";
import type { Slot } from "../core/hub";
import { Emitter } from "../core/store";

import { slotsOf } from "./slots.web";

interface Request {
  readonly use: (lock: Lock | null) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Locks as a browser grants them: to one after the other, unless one is stolen. */
class Locks {
  readonly held = new Map<string, Request>();
  readonly #queues = new Map<string, Request[]>();

  readonly request = ((name: string, { ifAvailable, steal, signal }: LockOptions, use: Request["use"]) =>
    new Promise<unknown>((resolve, reject) => {
      const asked: Request = { use, resolve, reject };
      const queue = this.#queues.get(name) ?? [];
      this.#queues.set(name, queue);
      if (steal === true) {
        this.held.get(name)?.reject(new Error("stolen"));
        this.#grant(name, asked);
      } else if (ifAvailable === true && this.held.has(name)) resolve(use(null));
      else if (this.held.has(name)) {
        queue.push(asked);
        signal?.addEventListener("abort", () => {
          if (!queue.includes(asked)) return; // granted meanwhile
          queue.splice(queue.indexOf(asked), 1);
          reject(new Error("aborted"));
        });
      } else this.#grant(name, asked);
    })) as LockManager["request"];

  #grant(name: string, asked: Request): void {
    this.held.set(name, asked);
    void Promise.resolve(asked.use({ name, mode: "exclusive" })).then((value) => {
      asked.resolve(value);
      if (this.held.get(name) !== asked) return;
      this.held.delete(name);
      const next = this.#queues.get(name)?.shift();
      if (next !== undefined) this.#grant(name, next);
    });
  }
}

const wait = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A tab that asks for a slot. */
function tab(take: (o: SlotOptions) => Promise<Slot>) {
  const [end, asked, waits] = [new AbortController(), new Emitter(), jest.fn()];
  const state = { slot: null as Slot | null, lost: false };
  const ask = async () => {
    const slot = await take({ end: end.signal, waits, asked: asked.subscribe });
    Object.assign(state, { slot, lost: false });
    void slot.lost.then(() => (state.lost = true));
  };
  void ask().catch(() => undefined);
  return { state, end, asked, waits, ask, has: () => state.slot !== null && !state.lost };
}

function visible(is: boolean): void {
  const document = { visibilityState: is ? "visible" : "hidden" };
  Object.defineProperty(globalThis, "document", { configurable: true, value: document });
}
beforeEach(() => visible(false));
afterEach(() => Reflect.deleteProperty(globalThis, "document"));

test("three tabs of many have a connection, and the next one gets it when one ends", async () => {
  const locks = new Locks();
  const tabs = Array.from({ length: 8 }, () => tab(slotsOf(locks)));
  await wait();
  expect(tabs.map((t) => t.has())).toEqual([...Array(3).fill(true), ...Array(5).fill(false)]);
  expect(tabs.map((t) => t.waits.mock.calls.length)).toEqual([0, 0, 0, 1, 1, 1, 1, 1]);
  tabs[1]?.state.slot?.release();
  await wait();
  expect(tabs.slice(3).filter((t) => t.has())).toHaveLength(1);
  expect(locks.held.size).toBe(3);
});

test("a tab that the user opens or comes to takes the connection of another one", async () => {
  const locks = new Locks();
  const hidden = Array.from({ length: 4 }, () => tab(slotsOf(locks)));
  await wait();
  visible(true);
  const opened = tab(slotsOf(locks));
  await wait();
  hidden[3]?.asked.emit();
  await wait();
  expect([opened, hidden[3]].map((t) => t?.state.slot !== null)).toEqual([true, true]);
  expect([...hidden, opened].filter((t) => t.has())).toHaveLength(3);
  expect(locks.held.size).toBe(3);
});

test("a tab in the background takes nothing, also if it is asked", async () => {
  const locks = new Locks();
  const tabs = Array.from({ length: 4 }, () => tab(slotsOf(locks)));
  await wait();
  tabs[3]?.asked.emit();
  await wait();
  expect(tabs.map((t) => t.has())).toEqual([true, true, true, false]);
});

test("tabs that are all in view do not take turns", async () => {
  visible(true);
  const locks = new Locks();
  const tabs = Array.from({ length: 6 }, () => tab(slotsOf(locks)));
  let asked = 0;
  for (let turn = 0; turn < 20; turn++) {
    await wait();
    for (const t of tabs.filter(({ state }) => state.lost)) {
      t.state.slot?.release(); // the connection has ended
      Object.assign(t.state, { slot: null, lost: false });
      asked++;
      void t.ask();
    }
  }
  expect(tabs.filter((t) => t.has())).toHaveLength(3);
  expect(asked).toBeLessThan(12);
});

test("a tab that does not wait any more leaves the queue", async () => {
  const locks = new Locks();
  const tabs = Array.from({ length: 4 }, () => tab(slotsOf(locks)));
  await wait();
  tabs[3]?.end.abort();
  await wait();
  for (const t of tabs.slice(0, 3)) t.state.slot?.release();
  await wait();
  expect([tabs[3]?.has(), locks.held.size]).toEqual([false, 0]);
});

test.each([
  ["has no locks", undefined],
  ["grants none", { request: () => Promise.reject(new Error("insecure")) }],
])("every tab has one if the browser %s", async (_, locks) => {
  const tabs = Array.from({ length: 5 }, () => tab(slotsOf(locks)));
  await wait();
  expect(tabs.every((t) => t.has())).toBe(true);
});
