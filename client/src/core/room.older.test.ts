import { flushPromises } from "./fakes";
import { pass, run, setUp } from "./room.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2) }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe("older", () => {
  test("comes from the device first, then from the server, to the beginning", async () => {
    const t = setUp();
    t.fill(1_000);
    await t.device.keep("lobby", t.server.log("lobby").slice(700), []);
    const { room, shown } = await t.tab();
    room.open();
    expect(shown()).toEqual(run(901, 1_000));
    await room.older();
    expect([shown(), t.server.asked]).toEqual([run(701, 1_000), []]);
    await room.older();
    expect(shown()).toEqual(run(201, 1_000));
    const done = room.older();
    await flushPromises();
    await done;
    expect(shown()).toEqual(run(1, 1_000));
    expect(room.timeline.get().older).toBe("none");
    t.server.asked.length = 0;
    await room.older();
    expect(t.server.asked).toEqual([]);
    expect((await t.device.history("lobby", 2_000)).length).toBe(1_000);
  });

  test("reports loading, also while messages arrive, and a failure", async () => {
    const t = setUp();
    t.fill(1_000);
    const { room, connect } = await t.tab();
    await connect();
    let go = () => {};
    t.server.before = () => new Promise((resolve) => (go = resolve));
    const loading = room.older();
    await flushPromises();
    t.fill(1_001);
    await pass();
    expect(room.timeline.get()).toMatchObject({ older: "loading", last: 1_001 });
    t.server.up = false;
    go();
    await loading;
    expect(room.timeline.get().older).toBe("failed");
    t.server.up = true;
    t.server.before = async () => {};
    await room.older();
    expect(room.timeline.get()).toMatchObject({ older: "some" });
  });

  test("fetches back to a number while the room is open, also if the call comes while a page is loading", async () => {
    const t = setUp();
    t.fill(5_000);
    const { room, connect, shown } = await t.tab();
    await connect();
    const close = room.open();
    void room.older();
    await room.older(2_000);
    expect(shown()[0]).toBeLessThanOrEqual(2_000);
    expect(shown()[0]).toBeGreaterThan(1_400);
    close();
    expect(shown()).toEqual(run(4_801, 5_000));
    t.server.asked.length = 0;
    await room.older(1);
    expect(t.server.asked.length).toBeLessThanOrEqual(1); // the room is not open
  });
});

describe("older, after changes on the server,", () => {
  test("ends at the server's oldest message, and at a page that does not continue the log", async () => {
    const t = setUp();
    t.fill(1_000);
    const { room, connect, shown } = await t.tab();
    await connect();
    room.open();
    t.server.oldest = 950;
    await room.older(1);
    expect([shown()[0], room.timeline.get().older]).toEqual([901, "none"]);
  });

  test("does not show an own message twice", async () => {
    const t = setUp();
    t.fill(100);
    t.server.store("lobby", "a", "own-1", "ann");
    t.fill(700);
    const { room, connect } = await t.tab();
    await connect();
    t.server.before = async (what) => void (t.server.up = !what.startsWith("POST"));
    await room.send("a"); // its first post was accepted, but the answer was lost
    expect(room.timeline.get().outgoing.length).toBe(1);
    t.server.before = async () => {};
    t.server.up = true;
    room.open();
    await room.older(1);
    expect(room.timeline.get().outgoing).toEqual([]);
  });

  test("drops a page that comes after the log was replaced", async () => {
    const t = setUp();
    t.fill(1_000);
    const { room, connect, shown } = await t.tab();
    await connect();
    let go = () => {};
    t.server.before = (what) =>
      what.includes("limit=500") ? new Promise((resolve) => (go = resolve)) : Promise.resolve();
    const loading = room.older();
    await flushPromises();
    t.server.cut();
    t.fill(2_000);
    await connect();
    go();
    await loading;
    expect(shown()).toEqual(run(1_901, 2_000));
    expect(room.timeline.get().older).toBe("some");
  });

  test("does not store a page of another log", async () => {
    const t = setUp();
    t.fill(1_000);
    const { room, connect, shown } = await t.tab();
    await connect();
    let go = () => {};
    t.server.after = (what) =>
      what.includes("limit=500") ? new Promise((resolve) => (go = resolve)) : Promise.resolve();
    const loading = room.older();
    await flushPromises();
    t.server.cut();
    t.server.logs.clear();
    t.fill(20);
    await connect();
    go();
    await loading;
    expect([shown(), t.device.logs.get("lobby")?.size]).toEqual([run(1, 20), 20]);
  });
});
