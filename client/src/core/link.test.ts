import { Failure } from "./failure";
import { FakeConnectivity, flushPromises } from "./fakes";
import type { Hub } from "./hub";
import { Linker, type Link } from "./link";

beforeEach(() => jest.useFakeTimers({ now: 0 }));
afterEach(() => jest.useRealTimers());

interface FakeHub extends Hub {
  end: () => void;
  stops: number;
  pings: (() => void)[];
}

function fakeHub(): FakeHub {
  let end = () => {};
  const closed = new Promise<void>((resolve) => (end = resolve));
  const hub: FakeHub = {
    end,
    closed,
    stops: 0,
    pings: [],
    join: () => Promise.reject(new Error("not asked for")),
    leave: () => Promise.reject(new Error("not asked for")),
    ping: () => new Promise((resolve) => hub.pings.push(resolve)),
    stop: async () => {
      hub.stops++;
      end();
    },
  };
  return hub;
}

/** A linker over a network that the test controls. */
function setUp() {
  const t = {
    connectivity: new FakeConnectivity(),
    hubs: [] as FakeHub[],
    dials: 0,
    /** The result of dialling while no connection can be opened. */
    down: null as Error | null,
    diagnosis: null as Error | null,
    diagnoses: 0,
    /** Set while other tabs have all connections. */
    waitsFor: null as Promise<void> | null,
    live: (_: Hub): Promise<void> => Promise.resolve(),
    seen: [] as Link["is"][],
  };
  const linker = new Linker({
    dial: async (_, waits) => {
      t.dials++;
      if (t.waitsFor !== null) waits();
      await t.waitsFor;
      if (t.down !== null) throw t.down;
      const hub = fakeHub();
      t.hubs.push(hub);
      return hub;
    },
    live: (hub) => t.live(hub),
    diagnose: () => {
      t.diagnoses++;
      return t.diagnosis === null ? Promise.resolve() : Promise.reject(t.diagnosis);
    },
    connectivity: t.connectivity,
    random: () => 1,
  });
  linker.link.subscribe(() => t.seen.push(linker.link.get().is));
  return { t, linker };
}

/** Advances the clock in small steps, and runs what is due after each. */
async function pass(ms: number): Promise<void> {
  await flushPromises();
  for (let left = ms; left > 0; left -= 250) {
    jest.advanceTimersByTime(Math.min(250, left));
    await flushPromises();
  }
}

const no = () => new Error("no connection");

test("connects, and reports it", async () => {
  const { t, linker } = setUp();
  expect(linker.link.get()).toEqual({ is: "connecting" });
  linker.start();
  await flushPromises();
  expect(linker.link.get()).toEqual({ is: "live" });
  await linker.close();
  expect(t.seen).toEqual(["live", "closed"]);
  expect([t.hubs[0]?.stops, t.connectivity.listeners, jest.getTimerCount()]).toEqual([1, 0, 0]);
});

test("a failed first start is tried again for ever, and since stays the same", async () => {
  const { t, linker } = setUp();
  t.down = no();
  linker.start();
  await flushPromises();
  const { link } = linker;
  expect(link.get()).toEqual({ is: "away", since: new Date(0), why: "unreachable" });
  await pass(3_600_000);
  expect(t.dials).toBeGreaterThan(100); // at least every 30 s
  expect(t.dials).toBeLessThan(140);
  expect(link.get()).toEqual({ is: "away", since: new Date(0), why: "unreachable" });
  t.down = null;
  await pass(30_000);
  expect(link.get()).toEqual({ is: "live" });
});

test("away is offline if the device reports it, and since stays the same when that changes", async () => {
  const { t, linker } = setUp();
  t.down = no();
  t.connectivity.isOnline = false;
  linker.start();
  await flushPromises();
  expect(linker.link.get()).toMatchObject({ is: "away", why: "offline" });
  jest.setSystemTime(5000);
  t.connectivity.isOnline = true;
  t.connectivity.events.emit();
  await flushPromises();
  expect(linker.link.get()).toEqual({ is: "away", why: "unreachable", since: new Date(0) });
});

test("a wake event or a retry ends the wait", async () => {
  const { t, linker } = setUp();
  t.down = no();
  linker.start();
  await pass(120_000);
  const before = t.dials;
  t.connectivity.events.emit();
  await flushPromises();
  linker.retry();
  await flushPromises();
  expect(t.dials).toBe(before + 2);
});

test("the wait that the server asks for is respected", async () => {
  const { t, linker } = setUp();
  t.down = no();
  t.diagnosis = new Failure("later", "busy", 60_000);
  linker.start();
  await pass(59_000);
  expect(t.dials).toBe(1);
  await pass(1_000);
  expect(t.dials).toBe(2);
});

test("after a refusal the linker waits for another token, and tries the old one only after wake events", async () => {
  const { t, linker } = setUp();
  t.down = no();
  t.diagnosis = new Failure("unauthenticated", "the token has expired");
  linker.start();
  await flushPromises();
  expect(linker.link.get()).toEqual({ is: "refused", text: "the token has expired" });
  await pass(600_000);
  expect(t.dials).toBe(1);
  t.connectivity.events.emit();
  await flushPromises();
  expect(t.dials).toBe(2);
  t.down = t.diagnosis = null;
  linker.retry();
  await flushPromises();
  expect(t.seen).toEqual(["away", "refused", "connecting", "away", "refused", "connecting", "live"]);
});

test("a token that comes while the old one is being refused is used", async () => {
  const { t, linker } = setUp();
  t.down = no();
  t.diagnosis = new Failure("unauthenticated", "no");
  linker.start();
  linker.retry();
  await flushPromises();
  expect(t.dials).toBe(2);
});

test("a connection that ends is opened again at once, and more and more slowly if it keeps failing", async () => {
  const { t, linker } = setUp();
  linker.start();
  await flushPromises();
  for (let i = 0; i < 8; i++) {
    t.hubs.at(-1)?.end();
    await flushPromises();
    const dials = t.dials;
    const wait = Math.min(30_000, 500 * 2 ** i);
    await pass(wait - 1);
    expect(t.dials).toBe(dials);
    await pass(1);
    expect(t.dials).toBe(dials + 1);
  }
  await pass(10_000); // the connection counts as stable now
  t.hubs.at(-1)?.end();
  await pass(500);
  expect(linker.link.get().is).toBe("live");
});

test("a try that takes long and fails does not count as a stable connection", async () => {
  const { t, linker } = setUp();
  t.diagnosis = null;
  t.down = no();
  linker.start();
  for (let i = 0; i < 6; i++) {
    jest.setSystemTime(Date.now() + 15_000); // each dial has hung that long
    await pass(Math.min(30_000, 500 * 2 ** i) - 1);
    expect(t.dials).toBe(i + 1);
    await pass(1);
  }
});

test("a connection over which no room can be read is closed", async () => {
  const { t, linker } = setUp();
  t.live = () => Promise.reject(new Error("no"));
  linker.start();
  await flushPromises();
  expect([linker.link.get().is, t.hubs[0]?.stops]).toEqual(["away", 1]);
  t.live = () => Promise.resolve();
  await pass(500);
  expect(linker.link.get().is).toBe("live");
});

test("a read that fails after the end of the connection is ignored", async () => {
  const { t, linker } = setUp();
  let fail = (_: Error) => {};
  t.live = () => new Promise((_, reject) => (fail = reject));
  linker.start();
  await flushPromises();
  t.hubs[0]?.end();
  await flushPromises();
  t.live = () => Promise.resolve();
  fail(new Error("late")); // an unhandled rejection would fail the run
  await pass(500);
  expect(linker.link.get().is).toBe("live");
});

test("a connection is live when it delivers messages, unless it has ended by then", async () => {
  const { t, linker } = setUp();
  const reads: (() => void)[] = [];
  t.live = () => new Promise((resolve) => reads.push(resolve));
  linker.start();
  await pass(60_000);
  expect(linker.link.get().is).toBe("connecting");
  t.hubs[0]?.end();
  await pass(500);
  reads[0]?.();
  await flushPromises();
  expect([linker.link.get().is, reads.length]).toEqual(["away", 2]);
  reads[1]?.();
  await flushPromises();
  expect(linker.link.get().is).toBe("live");
});

test("a dead connection is noticed after a wake event, even if stopping it does not end it", async () => {
  const { t, linker } = setUp();
  linker.start();
  await flushPromises();
  const dead = t.hubs[0];
  if (dead === undefined) throw new Error("no connection");
  dead.stop = () => new Promise(() => {});
  t.connectivity.events.emit();
  await pass(4_999);
  expect(linker.link.get().is).toBe("live");
  await pass(1);
  expect(linker.link.get().is).toBe("away");
  await pass(500);
  expect([linker.link.get().is, t.dials]).toEqual(["live", 2]);
});

test("a live connection answers the ping and stays", async () => {
  const { t, linker } = setUp();
  linker.start();
  await flushPromises();
  t.connectivity.events.emit();
  t.hubs[0]?.pings[0]?.();
  await pass(20_000);
  expect([linker.link.get().is, t.dials, jest.getTimerCount()]).toEqual(["live", 1, 0]);
});

describe("a device that says that it has no network", () => {
  test("does not end a connection that answers", async () => {
    const { t, linker } = setUp();
    linker.start();
    await flushPromises();
    t.connectivity.isOnline = false; // a server on this machine, or in a network that the browser does not count
    for (let i = 0; i < 3; i++) {
      t.connectivity.events.emit();
      t.hubs[0]?.pings[i]?.();
      await pass(20_000);
    }
    expect([linker.link.get().is, t.dials]).toEqual(["live", 1]);
  });

  test("ends one that does not answer in time", async () => {
    const { t, linker } = setUp();
    linker.start();
    await flushPromises();
    t.connectivity.isOnline = false;
    t.down = no();
    t.connectivity.events.emit();
    await pass(4_999);
    expect(linker.link.get().is).toBe("live");
    await pass(1);
    expect(linker.link.get()).toMatchObject({ is: "away", why: "offline" });
  });

  test("does not keep the app from trying", async () => {
    const { t, linker } = setUp();
    t.connectivity.isOnline = false;
    t.down = no();
    linker.start();
    await pass(120_000);
    t.down = null;
    t.connectivity.events.emit();
    await flushPromises();
    expect(linker.link.get().is).toBe("live");
  });
});

describe("an app in the background", () => {
  test("gives its connection up without a request, and dials again at the front", async () => {
    const { t, linker } = setUp();
    linker.start();
    await flushPromises();
    t.connectivity.awake.set(false);
    await pass(3_600_000);
    expect([t.hubs[0]?.stops, t.dials, t.diagnoses, linker.link.get().is]).toEqual([1, 1, 0, "connecting"]);
    t.connectivity.awake.set(true);
    await flushPromises();
    expect([t.dials, linker.link.get().is]).toEqual([2, "live"]);
  });

  test("that is opened there connects at the front", async () => {
    const { t, linker } = setUp();
    t.connectivity.awake.set(false);
    linker.start();
    await pass(60_000);
    expect(t.dials).toBe(0);
    t.connectivity.awake.set(true);
    await flushPromises();
    expect(linker.link.get().is).toBe("live");
  });

  test("can be closed", async () => {
    const { t, linker } = setUp();
    t.connectivity.awake.set(false);
    linker.start();
    await flushPromises();
    await linker.close();
    expect([linker.link.get().is, t.dials, jest.getTimerCount()]).toEqual(["closed", 0, 0]);
  });
});

test("a tab that waits for a connection of others says so", async () => {
  const { t, linker } = setUp();
  let grant = () => {};
  t.waitsFor = new Promise((resolve) => (grant = resolve));
  linker.start();
  await flushPromises();
  expect(linker.link.get()).toEqual({ is: "elsewhere" });
  grant();
  await flushPromises();
  expect(t.seen).toEqual(["elsewhere", "live"]);
});

describe("close", () => {
  test.each([
    ["connecting", (t: ReturnType<typeof setUp>["t"]) => (t.live = () => new Promise(() => {}))],
    ["away", (t: ReturnType<typeof setUp>["t"]) => (t.down = no())],
    [
      "refused",
      (t: ReturnType<typeof setUp>["t"]) => ((t.down = no()), (t.diagnosis = new Failure("unauthenticated", ""))),
    ],
  ])("ends the link while it is %s", async (_, prepare) => {
    const { t, linker } = setUp();
    prepare(t);
    linker.start();
    await flushPromises();
    await linker.close();
    const { dials } = t;
    linker.retry();
    t.connectivity.events.emit();
    await pass(60_000);
    expect([linker.link.get().is, t.dials, t.connectivity.listeners, jest.getTimerCount()]).toEqual([
      "closed",
      dials,
      0,
      0,
    ]);
  });

  test("does not wait for a diagnosis, nor for a late connection", async () => {
    const hub = fakeHub();
    let resolveDial = (_: Hub) => {};
    const late = new Linker({
      dial: () => new Promise((resolve) => (resolveDial = resolve)),
      live: async () => {},
      diagnose: async () => {},
      connectivity: new FakeConnectivity(),
    });
    late.start();
    const closing = late.close();
    resolveDial(hub);
    await closing;
    expect([late.link.get().is, hub.stops]).toEqual(["closed", 1]);
    const stuck = new Linker({
      dial: () => Promise.reject(no()),
      live: async () => {},
      diagnose: () => new Promise(() => {}),
      connectivity: new FakeConnectivity(),
    });
    stuck.start();
    await flushPromises();
    await stuck.close();
    expect(stuck.link.get().is).toBe("closed");
  });
});
