// Several tabs of one client. One of them sends.
import { Failure } from "./failure";
import { flushPromises, unsent } from "./fakes";
import { accepted, never, pass, setUp, started } from "./outbox.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(() => jest.useRealTimers());

test("tabs: all show the same, and one sends", async () => {
  const t = setUp();
  let answer = (_: string) => {};
  t.server.answer = () => new Promise((resolve) => (answer = resolve));
  const a = await started(t);
  const b = await started(t);
  await b.outbox.add("lobby", "from b");
  await a.outbox.add("lobby", "from a");
  await flushPromises();
  expect([t.server.posts, a.states(), b.states()]).toEqual([
    ["from b"],
    ["from b sending", "from a waiting"],
    ["from b waiting", "from a waiting"],
  ]);
  t.server.answer = (m) =>
    m.msg === "from a" ? Promise.reject(new Failure("rejected", "no")) : Promise.resolve(accepted);
  answer(accepted);
  await flushPromises();
  expect([t.server.posts, a.states()]).toEqual([
    ["from b", "from a"],
    ["from b accepted", "from a failed"],
  ]);
  expect(b.states()).toEqual(a.states());
  t.server.answer = () => Promise.resolve(accepted);
  await b.outbox.retry("id-2");
  await flushPromises();
  expect([a.states(), b.states()]).toEqual([
    ["from b accepted", "from a accepted"],
    ["from b accepted", "from a accepted"],
  ]);
});

test.each([
  ["a connected one drops it", true, []],
  ["one without a connection shows it as accepted", false, ["x accepted"]],
])("tabs: when the sending one has the message in its log before the answer, %s", async (_, connected, states) => {
  const t = setUp();
  let answer = (_: string) => {};
  t.server.answer = () => new Promise((resolve) => (answer = resolve));
  const sends = await started(t);
  const other = await started(t);
  await sends.outbox.add("lobby", "x");
  await flushPromises();
  sends.outbox.arrived("lobby", ["id-1"], accepted);
  t.server.connected = connected;
  answer(accepted);
  await flushPromises();
  expect([sends.states(), other.states()]).toEqual([[], states]);
});

test("tabs: all discard a failed message", async () => {
  const t = setUp();
  t.server.answer = () => Promise.reject(new Failure("rejected", "no"));
  const a = await started(t);
  const b = await started(t);
  await a.outbox.add("lobby", "x");
  await flushPromises();
  await b.outbox.discard("id-1");
  await flushPromises();
  expect([a.states(), b.states(), t.device.box.size]).toEqual([[], [], 0]);
});

test("tabs: a new one reports stored messages that the sending one does not know", async () => {
  const t = setUp();
  const { states } = await started(t);
  t.device.box.set("untold", unsent("untold", { msg: "1" }));
  const late = await started(t);
  expect([t.server.posts, states(), late.states()]).toEqual([["1"], ["1 accepted"], ["1 accepted"]]);
});

test("tabs: the other one sends, too, if the leading one seems suspended, but not without a connection", async () => {
  const t = setUp();
  const suspended = await started(t);
  const other = await started(t);
  t.server.connected = false;
  t.server.answer = () => never;
  await other.outbox.add("lobby", "a");
  await pass(120_000);
  expect(t.server.posts).toEqual(["a"]); // its answer never comes
  t.server.connected = true;
  t.server.answer = () => Promise.resolve(accepted);
  await pass(31_000);
  expect([t.server.posts, other.states(), suspended.states()]).toEqual([["a", "a"], ["a accepted"], ["a accepted"]]);
});

test("tabs: the sending one finds unreported messages after a wake event", async () => {
  const t = setUp();
  const one = await started(t);
  t.device.box.set("x", unsent("x"));
  await pass(60_000);
  expect(t.server.posts).toEqual([]);
  t.connectivity.events.emit();
  await flushPromises();
  expect([t.server.kept, one.states()]).toEqual([["a"], ["a accepted"]]);
});

test("tabs: an old event does not make an accepted message wait again", async () => {
  const t = setUp();
  const { outbox, states } = await started(t);
  await outbox.add("lobby", "1");
  await flushPromises();
  for (const { id } of outbox.outgoing.get()) t.tabs.tab().post({ is: "outgoing", outgoing: unsent(id, { msg: "1" }) });
  await flushPromises();
  expect([t.server.posts, states()]).toEqual([["1"], ["1 accepted"]]);
});

test("tabs: when the sending one closes, the other one continues, also with unreported messages", async () => {
  const t = setUp();
  t.server.answer = () => never;
  const a = await started(t);
  const b = await started(t);
  await a.outbox.add("lobby", "1");
  await b.outbox.add("lobby", "3");
  await flushPromises();
  const [first, last] = [...t.device.box.values()];
  if (first === undefined || last === undefined) throw new Error("the device has not kept them");
  t.device.box.clear();
  for (const m of [first, { ...first, id: "untold", msg: "2" }, last]) t.device.box.set(m.id, m);
  t.server.answer = () => Promise.resolve(accepted);
  a.close();
  await flushPromises();
  expect(t.server.posts).toEqual(["1", "1", "2", "3"]);
  expect(t.server.kept).toEqual(["1", "2", "3"]);
});

test("tabs: one that has read a message just before it came back in the log is told by the others", async () => {
  const t = setUp();
  const one = await started(t);
  one.outbox.arrived("lobby", ["x"], accepted);
  t.device.box.set("x", unsent("x"));
  const late = await started(t);
  await pass(60_000);
  expect([late.states(), t.server.posts]).toEqual([[], []]);
});
