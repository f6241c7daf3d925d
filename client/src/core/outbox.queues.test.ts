// One queue for each room: no room waits for another one, and each has a way out.
import { Failure } from "./failure";
import { flushPromises, unsent } from "./fakes";
import type { Outgoing } from "./message";
import { accepted, never, pass, setUp, started, unreachable } from "./outbox.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(() => jest.useRealTimers());

/** Answers that the test gives when it wants to, by text. */
function held(t: ReturnType<typeof setUp>) {
  const answers = new Map<string, (at: string) => void>();
  t.server.answer = (m) => new Promise((resolve) => answers.set(m.msg, resolve));
  return async (msg: string) => {
    answers.get(msg)?.(accepted);
    await flushPromises();
  };
}

test("rooms do not wait for each other, and the messages of a room do", async () => {
  const t = setUp();
  const answer = held(t);
  const { outbox } = await started(t);
  for (const [room, msg] of ["a a1", "a a2", "b b1", "b b2", "c c1"].map((s) => s.split(" ")))
    await outbox.add(room ?? "", msg ?? "");
  await flushPromises();
  expect(t.server.posts).toEqual(["a1", "b1", "c1"]);
  await answer("b1");
  expect(t.server.posts).toEqual(["a1", "b1", "c1", "b2"]);
  await answer("a1");
  expect(t.server.posts).toEqual(["a1", "b1", "c1", "b2", "a2"]);
});

test("only a few rooms post at the same time, and the one that has waited longest goes first", async () => {
  const t = setUp();
  const answer = held(t);
  const { outbox } = await started(t);
  for (const room of ["a", "b", "c", "d", "e", "f"]) for (const n of [1, 2]) await outbox.add(room, `${room}${n}`);
  await flushPromises();
  expect(t.server.posts).toEqual(["a1", "b1", "c1", "d1"]);
  await answer("a1");
  expect(t.server.posts.slice(4)).toEqual(["e1"]); // not a2
  await answer("e1");
  await answer("b1");
  expect(t.server.posts.slice(5)).toEqual(["f1", "a2"]);
});

test("while the server cannot be reached, one room tries for all", async () => {
  const t = setUp();
  t.server.answer = unreachable;
  t.server.connected = false;
  const { outbox, states } = await started(t);
  for (const room of ["a", "b", "c"]) await outbox.add(room, room);
  await pass(600_000);
  expect(t.server.posts.length).toBeLessThan(40);
  expect(outbox.outgoing.get()).toMatchObject([{ reason: null }, { reason: null }, { reason: null }]); // the link says it
  t.server.answer = () => Promise.resolve(accepted);
  t.server.connected = true;
  outbox.kick();
  await flushPromises();
  expect(states()).toEqual(["a accepted", "b accepted", "c accepted"]);
});

const poisons: Record<string, () => Promise<string>> = {
  "cut off by something in between": () => Promise.reject(new Failure("unreachable", "Failed to fetch")),
  "refused by a proxy": () => Promise.reject(new Failure("later", "status 403")),
  "refused for its token": () => Promise.reject(new Failure("unauthenticated", "no")),
};

test.each(Object.entries(poisons))(
  "a message that is always %s holds up only its room, says why, and can be discarded",
  async (_, poison) => {
    const t = setUp();
    t.server.answer = (m) => (m.msg === "poison" ? poison() : Promise.resolve(accepted));
    const { outbox, states } = await started(t);
    for (const room of ["lobby", "garden", "harbour"]) {
      await outbox.add(room, room === "garden" ? "poison" : `1 of ${room}`);
      await outbox.add(room, `2 of ${room}`);
    }
    for (let again = 0; again < 4; again++) {
      await pass(30_000);
      outbox.kick(); // as after a reconnect
    }
    await pass(30_000);
    for (const room of ["lobby", "harbour"])
      expect(t.server.kept.filter((msg) => msg.endsWith(room))).toEqual([`1 of ${room}`, `2 of ${room}`]);
    expect(t.server.kept.length).toBe(4);
    const [poisoned] = outbox.outgoing.get().filter((m) => m.msg === "poison");
    expect(poisoned).toMatchObject({
      state: "waiting",
      reason: { text: expect.any(String), code: expect.any(String) },
    });
    await outbox.discard(poisoned?.id ?? "");
    await pass(1_000);
    expect(t.server.kept.at(-1)).toBe("2 of garden");
    expect(states().filter((s) => !s.endsWith("accepted"))).toEqual([]);
  },
);

test("a failed message and a conflict do not hold up their room", async () => {
  const t = setUp();
  t.server.answer = (m) =>
    m.msg === "bad" || m.msg === "other"
      ? Promise.reject(new Failure(m.msg === "bad" ? "rejected" : "conflict", "no"))
      : Promise.resolve(accepted);
  const { outbox } = await started(t);
  for (const msg of ["bad", "other", "good"]) await outbox.add("lobby", msg);
  await flushPromises();
  expect(t.server.kept).toEqual(["good"]);
});

test("the count of refusals begins again with each message", async () => {
  const t = setUp();
  let refusals = 0;
  t.server.answer = () =>
    ++refusals % 3 === 0 ? Promise.resolve(accepted) : Promise.reject(new Failure("later", "busy"));
  const { outbox } = await started(t);
  const reasons = new Set<unknown>();
  outbox.outgoing.subscribe(() => outbox.outgoing.get().forEach((m) => reasons.add("reason" in m ? m.reason : null)));
  for (const msg of ["a", "b", "c"]) await outbox.add("lobby", msg);
  await pass(60_000);
  expect([t.server.kept, [...reasons]]).toEqual([["a", "b", "c"], [null]]);
});

describe("a discarded message never comes back", () => {
  /** A message that is refused until it shows why. */
  async function refused(t: ReturnType<typeof setUp>) {
    t.server.answer = () => Promise.reject(new Failure("later", "status 403"));
    const tab = await started(t);
    await tab.outbox.add("lobby", "oops");
    await pass(60_000);
    return tab;
  }

  test("from a read of the device that was in flight", async () => {
    const t = setUp();
    const { outbox, states } = await refused(t);
    t.device.hang("outbox", "remove");
    t.connectivity.events.emit(); // the window gets the focus by the click on Discard
    await flushPromises();
    t.server.answer = () => Promise.resolve(accepted);
    const posts = t.server.posts.length;
    const discarded = outbox.discard("id-1");
    t.device.answer();
    await discarded;
    await pass(60_000);
    expect([states(), t.server.posts.slice(posts), t.device.box.size]).toEqual([[], [], 0]);
  });

  test("while it is being sent, whatever the outcome", async () => {
    for (const outcome of [Promise.resolve(accepted), ...Object.values(poisons).map((poison) => poison)]) {
      const t = setUp();
      const { outbox, states } = await refused(t);
      let end = () => {};
      t.server.answer = () =>
        new Promise<void>((resolve) => (end = resolve)).then(() =>
          typeof outcome === "function" ? outcome() : outcome,
        );
      outbox.kick();
      await flushPromises();
      expect(states()).toEqual(["oops sending"]);
      await outbox.discard("id-1");
      t.server.answer = () => Promise.resolve(accepted);
      const posts = t.server.posts.length;
      end();
      await pass(60_000);
      expect([states(), t.server.posts.length, t.device.box.size]).toEqual([[], posts, 0]);
    }
  });

  test("from a tab that has read it before it was removed, and it leaves that tab, too", async () => {
    const t = setUp();
    const one = await refused(t);
    t.device.hang("remove");
    const discarded = one.outbox.discard("id-1");
    await flushPromises();
    const late = await started(t); // opens after the event, and reads before the removal
    await flushPromises();
    t.device.answer();
    await discarded;
    t.server.answer = () => Promise.resolve(accepted);
    const posts = t.server.posts.length;
    one.close();
    await pass(60_000);
    expect([one.states(), late.states(), t.server.posts.length]).toEqual([[], [], posts]);
  });

  test("from a late event of another tab", async () => {
    const t = setUp();
    const { outbox, states } = await refused(t);
    const before = outbox.outgoing.get()[0];
    if (before === undefined) throw new Error("it is not shown");
    await outbox.discard("id-1");
    const states3: readonly Outgoing[] = [
      unsent("id-1", { msg: "oops" }),
      before,
      { ...unsent("id-1"), state: "sending", reason: null },
    ];
    for (const outgoing of states3) t.tabs.tab().post({ is: "outgoing", outgoing });
    await pass(60_000);
    expect(states()).toEqual([]);
  });

  test("after a restart, although the device did not answer when it was discarded", async () => {
    const t = setUp();
    const { outbox, close } = await refused(t);
    t.device.hang();
    void outbox.discard("id-1").catch(() => undefined);
    await pass(120_000);
    t.device.answer();
    await pass(1_000);
    close();
    const again = await started(t);
    expect([again.states(), t.device.box.size]).toEqual([[], 0]);
  });
});

test("a message that waits without a reason, or is accepted, cannot be discarded", async () => {
  const t = setUp();
  t.server.answer = (m) => (m.msg === "a" ? Promise.resolve(accepted) : never);
  const { outbox, states } = await started(t);
  for (const msg of ["a", "b", "c"]) await outbox.add("lobby", msg);
  await flushPromises();
  for (const id of ["id-1", "id-2", "id-3"]) await outbox.discard(id);
  expect(states()).toEqual(["a accepted", "b sending", "c waiting"]);
});

test("the order of writing grows although the clock is set back, and over a restart", async () => {
  const t = setUp();
  t.server.answer = () => never;
  const { outbox, close } = await started(t);
  await outbox.add("lobby", "a");
  jest.setSystemTime(Date.UTC(2020, 0, 1));
  await outbox.add("garden", "b");
  close();
  const again = await started(t);
  await again.outbox.add("lobby", "c");
  expect(again.outbox.outgoing.get().map((m) => m.order)).toEqual([1, 2, 3]);
});

describe("random rooms, refusals and discards", () => {
  const dice = (seed: number) => {
    let state = seed * 7_919;
    return (n: number) => ((state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) >>> 8) % n;
  };

  /** A server that refuses and loses answers at random, and never accepts the poisoned texts. */
  function hostile(t: ReturnType<typeof setUp>, below: (n: number) => number, poisoned: ReadonlySet<string>) {
    const log = new Map<string, string[]>();
    t.server.answer = async (m) => {
      if (poisoned.has(m.msg) || below(3) === 0) throw new Failure(below(2) === 0 ? "later" : "unreachable", "not now");
      const room = log.get(m.room) ?? [];
      if (!room.includes(m.msg)) log.set(m.room, [...room, m.msg]);
      if (below(5) === 0) throw new Failure("unreachable", "the answer is lost");
      return accepted;
    };
    return log;
  }

  test.each(Array.from({ length: 15 }, (_, i) => i + 1))(
    "each room gets its messages once and in order, but for the discarded ones (%d)",
    async (seed) => {
      const below = dice(seed);
      const t = setUp();
      const poisoned = new Set<string>();
      const log = hostile(t, below, poisoned);
      const tabs = [await started(t), await started(t)] as const;
      const one = () => (tabs[below(2)] ?? tabs[0]).outbox;
      const expected = new Map<string, string[]>();
      for (let n = 0; n < 30; n++) {
        const [room, msg] = [`room-${below(6)}`, `${n}`];
        if (below(8) === 0) poisoned.add(msg);
        else expected.set(room, [...(expected.get(room) ?? []), msg]);
        await one().add(room, msg);
        if (below(4) === 0) await pass(below(4_000));
        if (below(10) === 0) t.connectivity.events.emit();
      }
      for (let round = 0; round < 40; round++) {
        await pass(20_000);
        const { outgoing } = one();
        for (const { id } of outgoing.get().filter((m) => poisoned.has(m.msg))) await one().discard(id);
      }
      expect(Object.fromEntries([...log].sort())).toEqual(Object.fromEntries([...expected].sort()));
      tabs.forEach(({ close }) => close());
    },
  );
});
