import { Failure } from "./failure";
import { flushPromises, unsent } from "./fakes";
import { accepted, never, pass, setUp, started, unreachable } from "./outbox.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(() => jest.useRealTimers());

test("messages are sent one after the other, in the order in which they were written", async () => {
  const t = setUp();
  const answers: ((at: string) => void)[] = [];
  t.server.answer = () => new Promise((resolve) => answers.push(resolve));
  const { outbox, states } = await started(t);
  await Promise.all(["a", "b", "c"].map((msg) => outbox.add("lobby", msg)));
  await flushPromises();
  expect(t.server.posts).toEqual(["a"]);
  answers[0]?.(accepted);
  await flushPromises();
  expect(t.server.posts).toEqual(["a", "b"]);
  expect(states()).toEqual(["a accepted", "b sending", "c waiting"]);
  answers[1]?.(accepted);
  await flushPromises();
  expect(t.server.posts).toEqual(["a", "b", "c"]);
});

test("a message is shown at once, and stored on the device before it is sent", async () => {
  const t = setUp();
  const { outbox, states } = await started(t);
  let keep = () => {};
  const put = t.device.put.bind(t.device);
  t.device.put = (m) => new Promise<void>((resolve) => (keep = resolve)).then(() => put(m));
  const added = outbox.add("lobby", "a");
  await flushPromises();
  expect([states(), t.server.posts]).toEqual([["a waiting"], []]);
  keep();
  await added;
  expect(t.device.box.has("id-1")).toBe(true);
  await flushPromises();
  expect([states(), t.server.posts, t.device.box.size]).toEqual([["a accepted"], ["a"], 0]);
});

test("a message is not sent before it is stored, also while others are being sent", async () => {
  const t = setUp();
  const { outbox } = await started(t);
  let answer = (_: string) => {};
  t.server.answer = () => new Promise((resolve) => (answer = resolve));
  await outbox.add("lobby", "a");
  let keep = () => {};
  t.device.put = () => new Promise<void>((resolve) => (keep = resolve));
  void outbox.add("lobby", "b");
  answer(accepted);
  await flushPromises();
  expect(t.server.posts).toEqual(["a"]);
  keep();
  await flushPromises();
  expect(t.server.posts).toEqual(["a", "b"]);
});

test("a failed send is tried again for ever with the same id, and later messages wait", async () => {
  const t = setUp();
  t.server.answer = unreachable;
  const { outbox, states } = await started(t);
  await outbox.add("lobby", "a");
  await outbox.add("lobby", "b");
  await pass(3_600_000);
  expect(new Set(t.server.posts)).toEqual(new Set(["a"]));
  expect(t.server.posts.length).toBeGreaterThan(100);
  expect(t.server.posts.length).toBeLessThan(140);
  expect(states()).toEqual(["a waiting", "b waiting"]);
  t.server.answer = () => Promise.resolve(accepted);
  await pass(30_000);
  expect(t.server.kept).toEqual(["a", "b"]);
});

test("new messages do not cause more tries while the server is away", async () => {
  const t = setUp();
  t.server.answer = () => Promise.reject(new Failure("later", "busy", 10_000));
  const { outbox } = await started(t);
  for (const msg of ["a", "b", "c", "d"]) await outbox.add("lobby", msg);
  await pass(9_500);
  expect(t.server.posts).toEqual(["a"]);
  await pass(500);
  expect(t.server.posts).toEqual(["a", "a"]);
});

test("a wake event ends the wait, also if it comes while a post hangs", async () => {
  const t = setUp();
  t.server.answer = unreachable;
  const { outbox } = await started(t);
  await outbox.add("lobby", "a");
  await pass(120_000);
  let fail = (_: Failure) => {};
  t.server.answer = () => new Promise((_, reject) => (fail = reject));
  t.connectivity.events.emit();
  await flushPromises();
  outbox.kick();
  t.server.answer = () => Promise.resolve(accepted);
  fail(new Failure("unreachable", "time is up"));
  await pass(500);
  expect(t.server.kept).toEqual(["a"]);
});

test("without a valid token nothing is sent until another token comes", async () => {
  const t = setUp();
  t.server.answer = () => Promise.reject(new Failure("unauthenticated", "expired"));
  const { outbox, states } = await started(t);
  await outbox.add("lobby", "a");
  await pass(600_000);
  expect(t.server.posts).toEqual(["a"]);
  t.connectivity.events.emit();
  await outbox.add("lobby", "b");
  await pass(60_000);
  expect([t.server.posts, states()]).toEqual([
    ["a", "a"],
    ["a waiting", "b waiting"],
  ]);
  t.server.answer = () => Promise.resolve(accepted);
  outbox.kick();
  await flushPromises();
  expect(t.server.kept).toEqual(["a", "b"]);
});

test("a rejected message does not block the others, and can be tried again or discarded", async () => {
  const t = setUp();
  t.server.answer = (m) =>
    m.msg === "ok" ? Promise.resolve(accepted) : Promise.reject(new Failure("rejected", "msg is not liked"));
  const { outbox, states } = await started(t);
  for (const msg of ["bad", "ok", "worse"]) await outbox.add("lobby", msg);
  await flushPromises();
  expect(states()).toEqual(["bad failed", "ok accepted", "worse failed"]);
  expect(outbox.outgoing.get()[0]).toMatchObject({ reason: { code: "invalid", text: "msg is not liked" } });
  expect([...t.device.box.values()].map((m) => m.state)).toEqual(["failed", "failed"]);
  t.server.answer = () => Promise.resolve(accepted);
  await outbox.retry("id-1");
  await outbox.discard("id-3");
  await flushPromises();
  expect([states(), t.server.kept, t.device.box.size]).toEqual([["bad accepted", "ok accepted"], ["ok", "bad"], 0]);
});

test("a conflict is final: the text stays for copying until it is discarded, and is never sent again", async () => {
  const t = setUp();
  t.server.answer = (m) =>
    m.msg === "other" ? Promise.reject(new Failure("conflict", "another text")) : Promise.resolve(accepted);
  const { outbox, states, close } = await started(t);
  for (const msg of ["other", "ok"]) await outbox.add("lobby", msg);
  await flushPromises();
  await outbox.retry("id-1");
  outbox.kick();
  t.connectivity.events.emit();
  await pass(600_000);
  expect([states(), t.server.posts]).toEqual([
    ["other failed", "ok accepted"],
    ["other", "ok"],
  ]);
  expect(outbox.outgoing.get()[0]).toMatchObject({
    conflict: true,
    reason: { code: "conflict", text: "another text" },
  });
  close();
  const again = await started(t); // after a restart of the app
  await pass(600_000);
  expect([again.states(), t.server.posts]).toEqual([["other failed"], ["other", "ok"]]);
  await again.outbox.discard("id-1");
  expect([again.states(), t.device.box.size]).toEqual([[], 0]);
});

test("a message that is refused several times shows why, and can be discarded, which unblocks the next", async () => {
  const t = setUp();
  t.server.answer = (m) =>
    m.msg === "odd" ? Promise.reject(new Failure("later", "status 403")) : Promise.resolve(accepted);
  const [one, other] = [await started(t), await started(t)];
  await one.outbox.add("lobby", "odd");
  await one.outbox.add("lobby", "b");
  await pass(1_000);
  expect(one.outbox.outgoing.get()[0]).toMatchObject({ reason: null });
  await pass(60_000);
  for (const { outbox } of [one, other])
    expect(outbox.outgoing.get()[0]).toMatchObject({ msg: "odd", reason: { code: "unreachable", text: "status 403" } });
  await other.outbox.discard("id-1");
  await flushPromises();
  expect([t.server.kept, one.states(), t.device.box.size]).toEqual([["b"], ["b accepted"], 0]);
});

test("a message that is accepted later shows no reason any more", async () => {
  const t = setUp();
  t.server.answer = () => Promise.reject(new Failure("later", "busy"));
  const { outbox } = await started(t);
  await outbox.add("lobby", "a");
  await pass(60_000);
  t.server.answer = () => Promise.resolve(accepted);
  await pass(30_000);
  expect(outbox.outgoing.get()).toMatchObject([{ state: "accepted" }]);
  expect(outbox.outgoing.get()[0]).not.toHaveProperty("reason");
});

test("only a failed message can be tried again or discarded", async () => {
  const t = setUp();
  t.server.answer = () => never;
  const { outbox, states } = await started(t);
  await outbox.add("lobby", "a");
  await outbox.discard("id-1");
  await outbox.retry("id-1");
  await outbox.retry("unknown");
  await outbox.discard("unknown");
  expect([states(), t.device.box.size]).toEqual([["a sending"], 1]);
});

test("stored messages are sent after a restart, in their order, and failed ones stay failed", async () => {
  const t = setUp();
  t.server.answer = (m) => (m.msg === "bad" ? Promise.reject(new Failure("rejected", "no")) : unreachable());
  const before = await started(t);
  for (const msg of ["bad", "a", "b"]) await before.outbox.add("lobby", msg);
  await flushPromises();
  before.close();
  t.server.answer = () => Promise.resolve(accepted);
  const after = await started(t);
  expect(after.states()).toEqual(["bad failed", "a accepted", "b accepted"]);
  expect(t.server.kept).toEqual(["a", "b"]);
});

describe("a message that comes back in its log", () => {
  test("leaves the outbox", async () => {
    const t = setUp();
    const { outbox, states } = await started(t);
    await outbox.add("lobby", "a");
    await flushPromises();
    outbox.arrived("lobby", ["id-1", "others"], accepted);
    expect(states()).toEqual([]);
  });

  test("leaves the outbox also while its post is pending, whatever the result", async () => {
    const outcomes: ((resolve: (at: string) => void, reject: (e: Failure) => void) => void)[] = [
      (resolve) => resolve(accepted),
      (_, reject) => reject(new Failure("unreachable", "lost")),
      (_, reject) => reject(new Failure("rejected", "forbidden")),
    ];
    for (const outcome of outcomes) {
      const t = setUp();
      let end = () => {};
      t.server.answer = () => new Promise((resolve, reject) => (end = () => outcome(resolve, reject)));
      const { outbox, states } = await started(t);
      await outbox.add("lobby", "a");
      await flushPromises();
      t.device.box.delete("id-1"); // the device does this when it stores the log
      outbox.arrived("lobby", ["id-1"], accepted);
      end();
      await pass(60_000);
      expect([states(), t.server.posts, t.device.box.size]).toEqual([[], ["a"], 0]);
    }
  });

  test("is not shown again after a late event of another tab", async () => {
    const t = setUp();
    t.server.answer = () => never;
    const a = await started(t);
    const b = await started(t);
    b.outbox.arrived("lobby", ["id-1"], accepted);
    await a.outbox.add("lobby", "a");
    await flushPromises();
    expect([a.states(), b.states()]).toEqual([[], []]); // b has told a that it is in the log
  });

  test("is not loaded again from a device that could not remove it", async () => {
    const t = setUp();
    await t.device.put(unsent("x"));
    const { outbox, states } = t.tab();
    outbox.arrived("lobby", ["x"], accepted);
    await outbox.start();
    await flushPromises();
    expect([states(), t.server.posts]).toEqual([[], []]);
  });

  test("is remembered for a limited time", async () => {
    const t = setUp();
    t.server.answer = () => never;
    const a = await started(t);
    const b = await started(t);
    b.outbox.arrived("lobby", ["id-1"], accepted);
    b.outbox.arrived(
      "lobby",
      Array.from({ length: 999 }, (_, i) => `x${i}`),
      accepted,
    );
    await a.outbox.add("lobby", "a");
    await flushPromises();
    expect(b.states()).toEqual([]);
    b.outbox.arrived("lobby", ["id-2", ...Array.from({ length: 1_000 }, (_, i) => `y${i}`)], accepted);
    await a.outbox.add("lobby", "b");
    await flushPromises();
    expect(b.states()).toEqual(["b waiting"]);
  });
});

test("a message that was accepted before the log's newest leaves the outbox", async () => {
  const t = setUp();
  const { outbox, states } = await started(t);
  await outbox.add("lobby", "a");
  await outbox.add("tea", "b");
  await flushPromises();
  t.server.answer = () => never;
  await outbox.add("lobby", "c");
  await flushPromises();
  outbox.arrived("lobby", [], "2026-01-01T00:00:10.000000Z"); // clocks may differ by this much
  expect(states()).toEqual(["a accepted", "b accepted", "c sending"]);
  outbox.arrived("lobby", [], "2026-01-01T00:00:11.000000Z");
  expect(states()).toEqual(["b accepted", "c sending"]);
});

test("a lost answer leads to another post, which adds nothing", async () => {
  const t = setUp();
  const { outbox, states } = await started(t);
  t.server.answer = (m) => (t.server.kept.push(m.msg), unreachable());
  await outbox.add("lobby", "a");
  await flushPromises();
  t.server.answer = () => Promise.resolve(accepted);
  await pass(500);
  expect([t.server.posts, t.server.kept, states()]).toEqual([["a", "a"], ["a"], ["a accepted"]]);
});

test("a message is sent even if the device cannot store it, and add rejects", async () => {
  const t = setUp();
  const { outbox, states } = await started(t);
  t.device.full = true;
  await expect(outbox.add("lobby", "a")).rejects.toThrow("full");
  await flushPromises();
  expect([t.server.kept, states()]).toEqual([["a"], ["a accepted"]]);
  const later = await started(t);
  expect(later.states()).toEqual([]);
});

test("nothing happens after close", async () => {
  const t = setUp();
  let answer = (_: string) => {};
  t.server.answer = () => new Promise((resolve) => (answer = resolve));
  const { outbox, close, states } = await started(t);
  await outbox.add("lobby", "a");
  await outbox.add("lobby", "b");
  await flushPromises();
  close();
  answer(accepted);
  await pass(60_000);
  expect([t.server.posts, states(), t.device.box.size]).toEqual([["a"], ["a sending", "b waiting"], 2]);
  expect([t.connectivity.listeners, jest.getTimerCount()]).toEqual([0, 0]);
});
