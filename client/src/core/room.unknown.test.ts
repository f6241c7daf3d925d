import { flushPromises } from "./fakes";
import { idsOf, pass, run, setUp, setUpEpochs, timeOf } from "./room.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2) }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe("what the device could not tell once is not overwritten by a guess", () => {
  test("how far a room was read", async () => {
    const t = setUp();
    t.fill(50);
    t.device.values.set("read:lobby", 10);
    t.device.fails.add("rooms");
    const { room, connect } = await t.tab();
    await connect();
    await pass();
    expect([room.timeline.get().read, t.device.values.get("read:lobby")]).toEqual([-1, 10]);
    t.device.fails.clear();
    await room.load();
    expect([room.timeline.get().read, t.device.values.get("read:lobby")]).toEqual([10, 10]);
  });

  test("and what was read meanwhile is merged with it: the greater number counts", async () => {
    const t = setUp();
    t.fill(50);
    for (const [stored, passed] of [
      [10, 30],
      [40, 30],
    ]) {
      t.device.values.set("read:lobby", stored);
      t.device.fails.add("rooms");
      const { room, connect } = await t.tab();
      await connect();
      room.read(passed ?? 0);
      await flushPromises();
      expect(t.device.values.get("read:lobby")).toBe(stored);
      t.device.fails.clear();
      await room.load();
      await flushPromises();
      expect([room.timeline.get().read, t.device.values.get("read:lobby")]).toEqual([
        Math.max(stored ?? 0, passed ?? 0),
        Math.max(stored ?? 0, passed ?? 0),
      ]);
      room.close();
    }
  });

  test("a device that answers after the server", async () => {
    const t = setUp();
    t.fill(50);
    t.device.values.set("read:lobby", 10);
    t.device.values.set("draft:lobby", "half a sen");
    t.device.hang("rooms");
    const { room, connect } = await t.tab();
    const connecting = connect();
    await pass(5_000);
    expect(t.device.values.get("read:lobby")).toBe(10);
    t.device.answer();
    await connecting;
    expect(room.timeline.get()).toMatchObject({ read: 10, last: 50 });
    expect(room.draft.get()).toBe("half a sen");
  });

  test("the epoch: the room goes back when the device says that its log is of another one", async () => {
    const t = setUpEpochs(50);
    const first = await t.tab();
    await first.connect();
    first.room.close();
    t.goBack(40, "b", 45);
    t.device.fails.add("rooms");
    const { room, connect } = await t.tab();
    await connect();
    await flushPromises();
    expect([t.device.values.get("epoch:lobby"), t.device.values.get("read:lobby")]).toEqual(["a", 50]);
    expect(room.timeline.get().messages.map((m) => m.id)).toEqual([...idsOf("a", 1, 40), ...idsOf("b", 41, 45)]);
    t.device.fails.clear();
    await room.load();
    await pass();
    expect(room.timeline.get()).toMatchObject({ wentBack: timeOf(40), read: 40, last: 45 });
    expect([t.device.values.get("epoch:lobby"), t.device.values.get("read:lobby")]).toEqual(["b", 40]);
    expect(await t.kept()).toEqual([...idsOf("a", 1, 40), ...idsOf("b", 41, 45)]);
  });

  test("a draft: what was written meanwhile is stored when the device can be read", async () => {
    const t = setUp();
    t.device.values.set("draft:lobby", "old");
    t.device.fails.add("rooms");
    const { room } = await t.tab();
    room.write("new");
    await flushPromises();
    expect(t.device.values.get("draft:lobby")).toBe("old");
    t.device.fails.clear();
    await room.load();
    await flushPromises();
    expect([room.draft.get(), t.device.values.get("draft:lobby")]).toEqual(["new", "new"]);
  });

  test("the next synchronisation tries to read the device again", async () => {
    const t = setUp();
    t.fill(20);
    await t.device.keep("lobby", t.server.log("lobby"), []);
    t.device.values.set("read:lobby", 10);
    t.device.full = true;
    const { room, connect, shown } = await t.tab();
    t.device.full = false;
    await connect();
    await flushPromises();
    expect([room.timeline.get().read, shown()]).toEqual([10, run(1, 20)]);
  });
});

describe("a room that stays open while nobody looks", () => {
  async function flooded(last: number, place: number) {
    const t = setUp();
    t.fill(60);
    const tab = await t.tab();
    await tab.connect();
    const { room } = tab;
    room.open();
    const look = room.attend();
    room.read(60);
    if (place !== 60) room.read(place); // the reader has scrolled up
    look();
    for (let to = 1_000; to <= last; to += 1_000) {
      t.fill(to);
      await pass();
      expect(room.timeline.get().messages.length).toBeLessThanOrEqual(10_000);
    }
    return { t, ...tab };
  }

  test("keeps at most 10,000 messages, and what comes is unread", async () => {
    const { room } = await flooded(30_000, 60);
    const { messages: newest, mark, read, last } = room.timeline.get();
    expect([newest.at(-1)?.seq, mark, read, last]).toEqual([30_000, 60, 60, 30_000]);
  });

  test.each([60, 20])(
    "keeps the reader's place %i in a window, from which both directions can be paged",
    async (place) => {
      const { room } = await flooded(12_000, place);
      const window = room.timeline.get().window;
      expect(window).toMatchObject({ target: place, state: "ready", newer: "some" });
      expect(window?.messages.some((m) => m.seq === place)).toBe(true);
      expect(window?.messages.length).toBeLessThan(1_000);
      await room.newer();
      expect(room.timeline.get().window?.messages.at(-1)?.seq).toBeGreaterThan(
        window?.messages.at(-1)?.seq ?? Infinity,
      );
      room.toNewest();
      expect(room.timeline.get().window).toBeNull();
      await room.older();
      expect(room.timeline.get().messages.length).toBeGreaterThan(5_000);
    },
  );
});
