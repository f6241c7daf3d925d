import type { TabEvent, Tabs } from "../core/device";

import { openTabs } from "./tabs.web";

type Held = () => Promise<void>;

/** Grants a lock to one after the other, as navigator.locks does. An aborted request leaves the queue. */
class Locks {
  readonly #queue = new Map<string, Held[]>();

  readonly request = (name: string, { signal }: { signal: AbortSignal }, held: Held): Promise<void> =>
    new Promise((resolve, reject) => {
      const queue = this.#queue.get(name) ?? [];
      this.#queue.set(name, queue);
      const turn = () =>
        held()
          .then(resolve)
          .finally(() => {
            queue.shift();
            void queue[0]?.();
          });
      signal.addEventListener("abort", () => {
        const at = queue.indexOf(turn);
        if (at > 0) queue.splice(at, 1);
        reject(new Error("aborted"));
      });
      queue.push(turn);
      if (queue.length === 1) void turn();
    });
}

function browser(navigator: { locks?: unknown }): void {
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: navigator });
}

const opened: Tabs[] = [];
function open(name = "ann"): Tabs {
  const tabs = openTabs(name);
  opened.push(tabs);
  return tabs;
}

/** Lets the tab ask to lead. The returned function tells whether it leads by now. */
function leader(tabs: Tabs): () => Promise<boolean> {
  let leads = false;
  void tabs.lead().then(() => (leads = true));
  return async () => {
    await new Promise(setImmediate);
    return leads;
  };
}

beforeEach(() => browser({ locks: new Locks() }));

test("the page works in a browser without BroadcastChannel", async () => {
  jest.spyOn(globalThis, "BroadcastChannel").mockImplementation(() => {
    throw new Error("The operation is insecure.");
  });
  const tabs = open();
  tabs.subscribe(() => undefined)();
  tabs.post({ is: "erased" });
  expect(await leader(tabs)()).toBe(true);
  tabs.close();
  jest.restoreAllMocks();
});
afterEach(() => {
  opened.splice(0).forEach((tabs) => tabs.close());
  Reflect.deleteProperty(globalThis, "navigator");
});

describe("The leading tab", () => {
  test("is one at a time, in the order of requests, without closed ones", async () => {
    const tabs = [open(), open(), open(), open()];
    const [first, second, third, fourth] = tabs.map(leader);
    const now = () => Promise.all([first?.(), second?.(), third?.(), fourth?.()]);
    expect(await now()).toEqual([true, false, false, false]);
    tabs[1]?.close();
    expect(await now()).toEqual([true, false, false, false]);
    tabs[0]?.close();
    expect(await now()).toEqual([true, false, true, false]);
    tabs[2]?.close();
    expect(await now()).toEqual([true, false, true, true]);
  });

  test("is a separate one for each client", async () => {
    expect(await leader(open("ann"))()).toBe(true);
    expect(await leader(open("bob"))()).toBe(true);
  });

  test.each([
    ["has no locks", {}],
    ["grants no locks", { locks: { request: () => Promise.reject(new Error("insecure")) } }],
  ])("is every tab if the browser %s", async (_, navigator) => {
    browser(navigator);
    expect(await leader(open())()).toBe(true);
    expect(await leader(open())()).toBe(true);
  });
});

describe("Tabs", () => {
  const draft: TabEvent = { is: "draft", room: "lobby", text: "hel\u2028lo" };

  test("send events to all others of the same client, not to themselves", async () => {
    const [one, other, third, foreign] = [open(), open(), open(), open("bob")];
    const heard: string[] = [];
    one.subscribe(() => heard.push("one"));
    foreign.subscribe(() => heard.push("foreign"));
    const others = [other, third].map((tabs) => new Promise<TabEvent>((resolve) => tabs.subscribe(resolve)));
    one.post(draft);
    expect(await Promise.all(others)).toEqual([draft, draft]);
    const back = new Promise((resolve) => one.subscribe(resolve));
    other.post({ is: "gone", id: "1" });
    expect(await back).toEqual({ is: "gone", id: "1" });
    expect(heard).toEqual(["one"]);
  });

  test("receive no events after they have unsubscribed or closed", async () => {
    const [one, other, third, witness] = [open(), open(), open(), open()];
    const heard: TabEvent[] = [];
    other.subscribe((event) => heard.push(event))();
    third.subscribe((event) => heard.push(event));
    third.close();
    const told = new Promise((resolve) => witness.subscribe(resolve));
    one.post(draft);
    await told;
    await new Promise(setImmediate);
    expect(heard).toEqual([]);
  });

  test("receive the last event of a tab that closes at once, and none after its close", async () => {
    const [one, other] = [open(), open()];
    const heard = new Promise((resolve) => other.subscribe(resolve));
    one.post({ is: "erased" });
    one.close();
    one.post(draft);
    one.close();
    expect(await heard).toEqual({ is: "erased" });
  });
});
