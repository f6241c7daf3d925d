import { message, flushPromises, unsent } from "./fakes";
import { pass, run, setUp } from "./room.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2) }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe("received messages", () => {
  test("10,000 at once are all shown, in order, in few updates", async () => {
    const t = setUp();
    const { room, connect, shown } = await t.tab();
    await connect();
    room.open();
    const changed = jest.fn();
    room.timeline.subscribe(changed);
    for (let step = 1; step <= 10; step++) {
      t.fill(step * 1_000);
      await pass(4); // 10,000 in 40 ms
    }
    await pass();
    expect(shown()).toEqual(run(1, 10_000));
    expect(changed.mock.calls.length).toBeLessThan(10);
    expect((await t.device.history("lobby", 20_000)).length).toBe(5_000);
  });

  test("a room that stays open drops its oldest messages when the reader is at the end", async () => {
    const t = setUp();
    const { room, connect, shown } = await t.tab();
    await connect();
    room.open();
    room.attend();
    t.fill(9_900);
    await pass();
    room.read(9_900);
    expect(shown().length).toBe(9_900);
    t.fill(10_500);
    await pass();
    expect([shown()[0], shown().at(-1), room.timeline.get().older, room.timeline.get().window]).toEqual([
      5_501,
      10_500,
      "some",
      null,
    ]);
    room.read(10_500);
    expect(room.timeline.get()).toMatchObject({ read: 10_500, last: 10_500 });
  });

  test("are shown in time although the device's clock is set back", async () => {
    const t = setUp();
    const { connect, shown } = await t.tab();
    await connect();
    t.fill(1);
    await pass();
    jest.setSystemTime(Date.now() - 3_600_000);
    t.fill(2);
    await pass();
    expect(shown()).toEqual([1, 2]);
  });

  test("a gap that stays is repaired, one that closes by itself is not", async () => {
    const t = setUp();
    t.fill(3);
    const { room, connect, shown } = await t.tab();
    await connect();
    t.server.asked.length = 0;
    room.receive(message(5));
    await pass();
    room.receive(message(4));
    await pass();
    await pass(10_000);
    expect([shown(), t.server.asked]).toEqual([run(1, 5), []]);
    for (const n of [4, 5, 6, 7]) t.server.log("lobby").push(message(n)); // the hub delivers only one of them
    room.receive(message(7));
    await pass();
    expect(shown()).toEqual(run(1, 5));
    await pass(3_000);
    await pass();
    expect([shown(), t.server.asked]).toEqual([run(1, 7), ["join lobby", "join lobby 4"]]);
  });

  test("a gap is not repaired over a connection that has ended", async () => {
    const t = setUp();
    t.fill(3);
    const { room, connect } = await t.tab();
    await connect();
    room.receive(message(9));
    await pass();
    t.server.cut();
    t.server.asked.length = 0;
    await pass(60_000);
    expect([t.server.asked, jest.getTimerCount()]).toEqual([[], 0]);
  });

  test("a closed room ignores messages", async () => {
    const t = setUp();
    const { room, connect, shown } = await t.tab();
    await connect();
    room.close();
    t.fill(3);
    await pass();
    expect([shown(), t.device.logs.size, jest.getTimerCount()]).toEqual([[], 0, 0]);
  });
});

describe("own messages", () => {
  test("leave the outbox when they are shown in the log", async () => {
    const t = setUp();
    const { room, connect } = await t.tab();
    await connect();
    let doubled = false;
    room.timeline.subscribe(() => {
      const { messages: log, outgoing } = room.timeline.get();
      doubled ||= outgoing.some((o) => log.some((m) => m.id === o.id));
    });
    await room.send("a");
    await flushPromises();
    expect(room.timeline.get().outgoing.map((m) => m.state)).toEqual(["accepted"]);
    await pass();
    expect(room.timeline.get()).toMatchObject({ messages: [{ msg: "a", client_id: "ann" }], outgoing: [] });
    expect([doubled, t.device.box.size]).toEqual([false, 0]);
  });

  test("that arrive before the device has answered are stored and leave the outbox", async () => {
    const t = setUp();
    t.server.up = false;
    await t.device.keep("lobby", [message(1), message(2)], []);
    await t.device.put(unsent("x"));
    t.device.hang("rooms");
    const { room, shown } = await t.tab();
    room.receive(message(3, { id: "x", client_id: "ann" }));
    await pass();
    expect(shown()).toEqual([]);
    t.device.answer();
    await pass();
    expect([shown(), room.timeline.get().outgoing]).toEqual([run(1, 3), []]);
    expect([t.device.logs.get("lobby")?.size, t.device.box.size]).toEqual([3, 0]);
  });

  test("stay in the outbox when another client's message has the id", async () => {
    const t = setUp();
    const { room, connect, shown } = await t.tab();
    await connect();
    t.server.before = async (what) => (what.startsWith("POST") ? new Promise(() => undefined) : undefined);
    await room.send("a");
    t.server.store("lobby", "of bob", "own-1", "bob");
    await pass();
    expect([shown(), room.timeline.get().outgoing.map((m) => m.msg), [...t.device.box.keys()]]).toEqual([
      [1],
      ["a"],
      ["own-1"],
    ]);
    t.server.store("lobby", "a", "own-1", "ann");
    await pass();
    expect([shown(), room.timeline.get().outgoing, t.device.box.size]).toEqual([[1, 2], [], 0]);
  });

  test("are read if all messages before them are read", async () => {
    const t = setUp();
    const { room, connect } = await t.tab();
    await connect();
    t.server.store("lobby", "from my phone", "p1", "ann");
    await pass();
    expect(room.timeline.get().read).toBe(1);
    t.server.store("lobby", "of another", "b1");
    t.server.store("lobby", "from my phone", "p2", "ann");
    await pass();
    expect(room.timeline.get()).toMatchObject({ read: 1, last: 3 });
  });
});
