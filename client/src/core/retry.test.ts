import { FakeConnectivity, flushPromises } from "./fakes";
import { backoff, RetrySchedule, pause, unlessEnded } from "./retry";

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** Returns whether a promise has completed by now. */
async function done(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await flushPromises();
  return settled;
}

describe("backoff", () => {
  test("doubles up to 30 s", () => {
    expect([0, 1, 2, 5, 6, 1000].map((n) => backoff(n, () => 1))).toEqual([500, 1000, 2000, 16_000, 30_000, 30_000]);
  });

  test("is random in its upper half", () => {
    expect(backoff(1, () => 0)).toBe(500);
    const waits = Array.from({ length: 200 }, () => backoff(6));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(15_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    expect(new Set(waits).size).toBeGreaterThan(100);
  });
});

describe("pause", () => {
  test.each([
    ["the time", (_w: FakeConnectivity, _e: AbortController) => void jest.advanceTimersByTime(1000)],
    ["a wake-up", (w: FakeConnectivity) => w.events.emit()],
    ["the end", (_w: FakeConnectivity, e: AbortController) => e.abort()],
  ])("ends with %s, and leaves nothing behind", async (_, ends) => {
    const connectivity = new FakeConnectivity();
    const end = new AbortController();
    const waiting = pause(1000, connectivity, end.signal);
    jest.advanceTimersByTime(999);
    expect(await done(waiting)).toBe(false);
    ends(connectivity, end);
    expect(await done(waiting)).toBe(true);
    expect([connectivity.listeners, jest.getTimerCount()]).toEqual([0, 0]);
  });

  test("ends at once after the end", async () => {
    const end = new AbortController();
    end.abort();
    const connectivity = new FakeConnectivity();
    expect(await done(pause(1000, connectivity, end.signal))).toBe(true);
    expect([connectivity.listeners, jest.getTimerCount()]).toEqual([0, 0]);
  });

  test.each([2 ** 31, 1e15, Infinity])("of %d ms does not end at once", async (time) => {
    const end = new AbortController();
    const waiting = pause(time, new FakeConnectivity(), end.signal);
    jest.advanceTimersByTime(24 * 3600 * 1000);
    expect(await done(waiting)).toBe(false);
    end.abort();
  });
});

describe("unlessEnded", () => {
  test("returns the result of the work", async () => {
    const { signal } = new AbortController();
    await expect(unlessEnded(Promise.resolve(1), signal)).resolves.toBe(1);
    await expect(unlessEnded(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
  });

  test("does not wait for the work after the end", async () => {
    const end = new AbortController();
    const waiting = unlessEnded(new Promise(() => {}), end.signal);
    end.abort();
    await expect(waiting).rejects.toThrow("ended");
    await expect(unlessEnded(new Promise(() => {}), end.signal)).rejects.toThrow("ended");
  });
});

describe("RetrySchedule", () => {
  function pace() {
    const connectivity = new FakeConnectivity();
    const end = new AbortController();
    return { connectivity, end, pace: new RetrySchedule(connectivity, end.signal, () => 1) };
  }

  /** How long the pace waits after a failure. */
  async function waits(p: RetrySchedule, least = 0): Promise<number> {
    const began = Date.now();
    p.begin();
    const waiting = p.failed(least);
    jest.advanceTimersToNextTimer();
    await waiting;
    return Date.now() - began;
  }

  test("waits longer after each failure, until a success", async () => {
    const { pace: p } = pace();
    expect([await waits(p), await waits(p), await waits(p)]).toEqual([500, 1000, 2000]);
    p.succeeded();
    expect(await waits(p)).toBe(500);
    expect(await waits(p, 7000)).toBe(7000);
  });

  test("ends a wait at a wake event, and makes the next wait short after one during a try", async () => {
    const { pace: p, connectivity } = pace();
    for (let i = 0; i < 5; i++) await waits(p);
    p.begin();
    const waiting = p.failed();
    connectivity.events.emit();
    expect(await done(waiting)).toBe(true);
    p.begin();
    connectivity.events.emit();
    const short = p.failed();
    jest.advanceTimersByTime(500);
    expect(await done(short)).toBe(true);
  });

  test("holds until a kick, also one during the try, or until a wake event", async () => {
    const { pace: p, connectivity } = pace();
    for (const wakeUp of [() => p.kick(), () => connectivity.events.emit()]) {
      p.begin();
      const held = p.hold();
      jest.advanceTimersByTime(1e9);
      expect(await done(held)).toBe(false);
      wakeUp();
      expect(await done(held)).toBe(true);
    }
    p.begin();
    p.kick();
    expect(await done(p.hold())).toBe(true);
  });

  test("leaves nothing behind at the end", async () => {
    const { pace: p, connectivity, end } = pace();
    const waiting = [p.failed(), p.hold()];
    end.abort();
    await Promise.all(waiting);
    expect([connectivity.listeners, jest.getTimerCount()]).toEqual([0, 0]);
  });
});
