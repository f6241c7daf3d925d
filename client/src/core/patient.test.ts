import { Circuit, patience, rest, Unanswered } from "./circuit";
import type { Device, KeyValueStore } from "./device";
import { allMethods, FakeDevice } from "./device.fakes";
import { flushPromises, messages, unsent } from "./fakes";
import { pass, setUp, started } from "./outbox.fakes";
import { PatientDevice, patientKeyValues } from "./patient";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(() => jest.useRealTimers());

/** A call of each method. */
const calls: Record<(typeof allMethods)[number], (device: Device) => Promise<unknown>> = {
  get: (d) => d.get("read:lobby"),
  set: (d) => d.set("draft:lobby", "x"),
  begin: (d) => d.begin("lobby", "e"),
  keep: (d) => d.keep("lobby", messages(1, 3), ["own"]),
  history: (d) => d.history("lobby", 10),
  prune: (d) => d.prune("lobby", 0),
  rooms: (d) => d.rooms(["lobby"]),
  histories: (d) => d.histories(),
  outbox: (d) => d.outbox(),
  put: (d) => d.put(unsent("x")),
  remove: (d) => d.remove("x"),
  erase: (d) => d.erase(),
};

function open(device = new FakeDevice()) {
  const patient = new PatientDevice(async () => device);
  const answered = jest.fn();
  patient.answered.subscribe(answered);
  return { device, patient, answered };
}

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => "answered",
    (error: unknown) => (error instanceof Error || error instanceof DOMException ? error.name : "?"),
  );

describe.each(allMethods)("a device whose %s", (method) => {
  test("hangs rejects after a while, and from then on at once", async () => {
    const { device, patient } = open();
    device.hang(method);
    const first = outcome(calls[method](patient));
    await pass(patience);
    expect([await first, patient.keeping.get()]).toEqual(["Unanswered", false]);
    const calm = jest.getTimerCount();
    for (const call of Object.values(calls)) expect(await outcome(call(patient))).toBe("Unanswered");
    expect(jest.getTimerCount()).toBeLessThanOrEqual(calm);
    patient.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  test("fails rejects, and the others go on", async () => {
    const { device, patient } = open();
    device.fails.add(method);
    expect(await outcome(calls[method](patient))).toBe("Error");
    for (const other of allMethods.filter((m) => m !== method && m !== "erase"))
      expect([other, await outcome(calls[other](patient))]).toEqual([other, "answered"]);
    patient.close();
    await flushPromises();
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe("a device that answers again", () => {
  test.each(["by a late answer", "when it is tried again"])("%s has everything that it was not given", async (how) => {
    const { device, patient, answered } = open();
    await patient.put(unsent("old"));
    device.hang();
    const changes = [
      patient.put(unsent("b")),
      patient.set("draft:lobby", "lost?"),
      patient.put(unsent("a")),
      patient.begin("tea", "e"),
    ];
    const outcomes = Promise.all(changes.map(outcome));
    await pass(patience);
    expect(new Set(await outcomes)).toEqual(new Set(["Unanswered"]));
    await outcome(patient.put(unsent("c")));
    await outcome(patient.set("draft:lobby", "not lost"));
    await outcome(patient.remove("old"));
    await outcome(patient.keep("lobby", messages(1, 2), ["a"]));
    expect([patient.keeping.get(), answered.mock.calls.length, device.box.size]).toEqual([false, 0, 1]);
    if (how === "by a late answer") device.answer();
    else device.hangs.clear();
    await pass(how === "by a late answer" ? 1_000 : rest + 1_000);
    expect([...device.box.keys()]).toEqual(["b", "c"]);
    expect([device.values.get("draft:lobby"), device.values.get("epoch:tea")]).toEqual(["not lost", "e"]);
    expect([patient.keeping.get(), answered.mock.calls.length > 0]).toEqual([true, true]);
    patient.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  test("after it has failed has everything, too, and tells that it can be read", async () => {
    const { device, patient, answered } = open();
    device.full = true;
    expect(await outcome(patient.put(unsent("a")))).toBe("Error");
    expect(await outcome(patient.outbox())).toBe("Error");
    expect(patient.keeping.get()).toBe(false);
    await pass(60_000);
    device.full = false;
    await pass(300_000);
    expect([[...device.box.keys()], patient.keeping.get()]).toEqual([["a"], true]);
    expect(answered).toHaveBeenCalled();
  });

  test("is not given a list again that other tabs have changed meanwhile", async () => {
    const { device, patient } = open();
    device.full = true;
    expect(await outcome(patient.set("rooms", ["a"]))).toBe("Error");
    device.full = false;
    device.values.set("rooms", ["b"]);
    await pass(600_000);
    expect(device.values.get("rooms")).toEqual(["b"]);
  });

  test("is not given an own message again that has arrived in the log", async () => {
    const { device, patient } = open();
    device.fails.add("put");
    await outcome(patient.put(unsent("x")));
    await patient.keep("lobby", messages(1, 1), ["x"]);
    device.fails.clear();
    await pass(600_000);
    expect([device.box.size, patient.keeping.get()]).toEqual([0, true]);
  });

  test("is not written to after erase", async () => {
    const { device, patient } = open();
    device.fails.add("put");
    await outcome(patient.put(unsent("x")));
    device.fails.clear();
    await patient.erase();
    await pass(600_000);
    expect(device.box.size).toBe(0);
  });
});

describe("a device that is still being opened", () => {
  test("does not keep anybody waiting, and gets everything when it is open", async () => {
    const device = new FakeDevice();
    device.box.set("stored", unsent("stored"));
    let ready = (_: Device) => {};
    const patient = new PatientDevice(() => new Promise((resolve) => (ready = resolve)));
    const read = outcome(patient.outbox());
    await pass(patience);
    expect([await read, await outcome(patient.put(unsent("x"))), patient.keeping.get()]).toEqual([
      "Unanswered",
      "Unanswered",
      false,
    ]);
    ready(device);
    await pass(1_000);
    expect([[...device.box.keys()], patient.keeping.get()]).toEqual([["stored", "x"], true]);
  });

  test("is opened again if that has failed", async () => {
    const device = new FakeDevice();
    const opening = jest.fn<Promise<Device>, []>().mockRejectedValueOnce(new Error("no")).mockResolvedValue(device);
    const patient = new PatientDevice(opening);
    expect([await outcome(patient.get("rooms")), await outcome(patient.get("rooms"))]).toEqual(["Error", "answered"]);
    expect(opening).toHaveBeenCalledTimes(2);
    patient.close();
  });
});

test("a device that keeps nothing says so", async () => {
  const device = Object.assign(new FakeDevice(), { keeps: false });
  const { patient } = open(device);
  await patient.get("rooms");
  expect([patient.keeping.get(), patient.keeps]).toEqual([false, false]);
});

describe("when space is short", () => {
  async function full(rooms: readonly [string, number][]) {
    const { device, patient } = open();
    let day = 0;
    for (const [room, count] of rooms)
      await patient.keep(room, messages(1, count, { room, stored_at: `2026-01-0${++day}T00:00:00Z` }), []);
    await patient.set("rooms", ["old", "used"]);
    device.space = rooms.reduce((sum, [, count]) => sum + count, 0);
    return {
      device,
      patient,
      sizes: () => Object.fromEntries([...device.logs].map(([room, log]) => [room, log.size])),
    };
  }

  test("the history of rooms that were left goes first, then that of the least used ones", async () => {
    const { patient, sizes, device } = await full([
      ["old", 100],
      ["left", 100],
      ["used", 100],
    ]);
    await patient.put(unsent("a"));
    expect([sizes(), [...device.box.keys()], patient.keeping.get()]).toEqual([
      { left: 0, old: 0, used: 100 },
      ["a"],
      true,
    ]);
  });

  test("the last room gives way in parts", async () => {
    const { device, patient, sizes } = await full([["used", 3_000]]);
    await patient.put(unsent("a"));
    expect(sizes()).toEqual({ used: 1_000 });
    device.space = 100;
    for (const id of ["b", "c"]) await outcome(patient.put(unsent(id)));
    expect([sizes(), device.box.size]).toEqual([{ used: 0 }, 3]);
    device.space = 3;
    expect(await outcome(patient.put(unsent("d")))).toBe("QuotaExceededError");
    expect(patient.keeping.get()).toBe(false);
  });

  test("no history is stored for a while, but own messages leave the outbox", async () => {
    const { device, patient, sizes } = await full([["used", 10]]);
    await patient.put(unsent("a"));
    device.space = 1_000;
    await patient.keep("used", messages(11, 20, { room: "used" }), ["a"]);
    expect([sizes().used ?? 0, device.box.size]).toEqual([0, 0]);
    await pass(10 * 60_000);
    await patient.keep("used", messages(11, 20, { room: "used" }), []);
    expect(sizes()).toEqual({ used: 10 });
    patient.close();
  });

  test("history that does not fit is not stored, and pushes nothing out", async () => {
    const { device, patient, sizes } = await full([["used", 10]]);
    device.box.set("a", unsent("a"));
    await patient.keep("old", messages(1, 50, { room: "old" }), ["a"]);
    expect([sizes(), device.box.size]).toEqual([{ used: 10, old: 0 }, 0]);
  });

  test("SQLite says it in its own words", async () => {
    const { device, patient, sizes } = await full([["used", 10]]);
    const put = device.put.bind(device);
    let fails = 1;
    device.put = (m) => (fails-- > 0 ? Promise.reject(new Error("Error code 13: database or disk is full")) : put(m));
    device.space = Infinity;
    await patient.put(unsent("a"));
    expect([sizes(), device.box.size]).toEqual([{ used: 10 }, 1]);
  });
});

describe("the outbox", () => {
  test.each(["put", "outbox", "remove", undefined] as const)("sends although the device hangs: %s", async (method) => {
    const t = setUp();
    t.device.hang(...(method === undefined ? [] : [method]));
    const opening = t.tab();
    const start = opening.outbox.start();
    await pass(60_000);
    await start;
    for (const msg of ["a", "b", "c"]) void opening.outbox.add("lobby", msg).catch(() => undefined);
    await pass(2 * patience); // at most once for all
    expect(t.server.kept).toEqual(["a", "b", "c"]);
    t.device.answer();
    await pass(60_000);
    expect([t.device.box.size, opening.patient.keeping.get()]).toEqual([0, true]);
  });

  test("sends what the device had when it answers at last, and does not send twice", async () => {
    const t = setUp();
    t.device.box.set("stored", unsent("stored", { msg: "stored" }));
    t.device.hang();
    const { outbox, states } = t.tab();
    void outbox.start();
    await pass(60_000);
    void outbox.add("lobby", "new").catch(() => undefined);
    await pass(60_000);
    expect(t.server.posts).toEqual(["new"]);
    t.device.answer();
    await pass(60_000);
    expect([t.server.posts, states()]).toEqual([
      ["new", "stored"],
      ["stored accepted", "new accepted"],
    ]);
  });

  test("keeps what is written while the device does not answer, and the server neither", async () => {
    const t = setUp();
    t.server.answer = () => Promise.reject(new TypeError("Failed to fetch"));
    const before = await started(t);
    t.device.hang();
    for (const msg of ["a", "b"]) void before.outbox.add("lobby", msg).catch(() => undefined);
    await pass(60_000);
    t.device.answer();
    await pass(60_000);
    before.close();
    const after = await started(t);
    expect(after.outbox.outgoing.get().map((m) => m.msg)).toEqual(["a", "b"]);
  });
});

describe("key values", () => {
  test("that hang are read as unknown, not as absent, and what was written is there when they answer", async () => {
    const kept = new Map<string, string | null>([["identity", "ann"]]);
    let hangs = true;
    let go = () => {};
    const waiting = new Promise<void>((resolve) => (go = resolve));
    const store: KeyValueStore = {
      read: async (key) => (hangs && (await waiting), kept.get(key) ?? null),
      write: async (key, value) => (hangs && (await waiting), void kept.set(key, value)),
    };
    const patient = patientKeyValues(store);
    const outcomes = Promise.all([outcome(patient.read("identity")), outcome(patient.write("language", "de"))]);
    await pass(patience);
    expect(await outcomes).toEqual(["Unanswered", "Unanswered"]);
    expect(await outcome(patient.read("identity"))).toBe("Unanswered");
    await outcome(patient.write("language", "ar"));
    hangs = false;
    go();
    await flushPromises();
    expect([await patient.read("identity"), await patient.read("language")]).toEqual(["ann", "ar"]);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe("a circuit", () => {
  test("lets one call through after a rest, and stays open if that hangs, too", async () => {
    const circuit = new Circuit();
    const work = jest.fn(() => new Promise<never>(() => {}));
    void outcome(circuit.call(work));
    await pass(patience);
    await expect(circuit.call(work)).rejects.toThrow(Unanswered);
    await pass(rest);
    const probe = outcome(circuit.call(work));
    await expect(circuit.call(work)).rejects.toThrow(Unanswered);
    await pass(patience);
    expect([await probe, work.mock.calls.length, circuit.answers.get()]).toEqual(["Unanswered", 2, false]);
    await pass(rest);
    expect(await circuit.call(() => Promise.resolve(7))).toBe(7);
    expect(circuit.answers.get()).toBe(true);
    circuit.end();
    expect(jest.getTimerCount()).toBe(0);
  });

  test("counts a failure as an answer", async () => {
    const circuit = new Circuit();
    expect(await outcome(circuit.call(() => Promise.reject(new Error("no"))))).toBe("Error");
    expect([circuit.answers.get(), jest.getTimerCount()]).toEqual([true, 0]);
  });
});
