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
    await t.device.keep("lobby", t.server.log("lobby").slice(700));
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

  test("says that it is loading, also while messages arrive, and that it failed", async () => {
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

  test("goes back to a number while the room is open, also if that is asked for while a page is on its way", async () => {
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
    expect(t.server.asked.length).toBeLessThanOrEqual(1); // nobody looks
  });
});

describe("older, where things have changed,", () => {
  test("ends where the server keeps nothing any more, and where it has nothing that joins on", async () => {
    const t = setUp();
    t.fill(1_000);
    const { room, connect, shown } = await t.tab();
    await connect();
    room.open();
    t.server.oldest = 950;
    await room.older(1);
    expect([shown()[0], room.timeline.get().older]).toEqual([901, "none"]);
  });

  test("messages of one's own that it finds are not shown twice", async () => {
    const t = setUp();
    t.fill(100);
    t.server.store("lobby", "a", "own-1", "ann");
    t.fill(700);
    const { room, connect } = await t.tab();
    await connect();
    t.server.before = async (what) => void (t.server.up = !what.startsWith("POST"));
    await room.send("a"); // its first post was accepted, and the answer lost
    expect(room.timeline.get().outgoing.length).toBe(1);
    t.server.before = async () => {};
    t.server.up = true;
    room.open();
    await room.older(1);
    expect(room.timeline.get().outgoing).toEqual([]);
  });

  test("a page that comes after the log has begun anew is of no use", async () => {
    const t = setUp();
    t.fill(1_000);
    const { room, connect, shown } = await t.tab();
    await connect();
    let go = () => {};
    t.server.before = (what) => (what.includes("limit=500") ? new Promise((resolve) => (go = resolve)) : Promise.resolve());
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

  test("a page of another server's log is not kept", async () => {
    const t = setUp();
    t.fill(1_000);
    const { room, connect, shown } = await t.tab();
    await connect();
    let go = () => {};
    t.server.after = (what) => (what.includes("limit=500") ? new Promise((resolve) => (go = resolve)) : Promise.resolve());
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
