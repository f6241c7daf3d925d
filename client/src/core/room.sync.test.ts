import { message, messages, flushPromises, unsent } from "./fakes";
import { pass, run, setUp } from "./room.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2) }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe("the stored messages of a room", () => {
  test("are shown without a connection", async () => {
    const t = setUp();
    await t.device.keep("lobby", messages(1, 150), []);
    await t.device.set("read:lobby", 140);
    await t.device.set("draft:lobby", "hel");
    const { room, shown } = await t.tab();
    expect(shown()).toEqual(run(51, 150));
    expect(room.timeline.get()).toMatchObject({
      older: "some",
      last: 150,
      read: 140,
      mark: null,
      loaded: true,
      refused: null,
    });
    expect(room.draft.get()).toBe("hel");
  });

  test("are pruned, and may be missing", async () => {
    const t = setUp();
    await t.device.keep("lobby", messages(1, 6_000), []);
    await t.tab();
    expect(t.device.logs.get("lobby")?.size).toBe(5_000);
    t.device.full = true;
    t.fill(3);
    const { room, connect, shown } = await t.tab();
    expect(room.timeline.get()).toMatchObject({ messages: [], loaded: true });
    await connect();
    room.write("a");
    await expect(room.send("a")).rejects.toThrow("full");
    await pass();
    expect(shown()).toEqual([1, 2, 3, 4]);
    expect(room.timeline.get().outgoing).toEqual([]);
  });

  test("show that an own message has come back which another tab has kept since the outbox was read", async () => {
    const t = setUp();
    t.server.up = false;
    await t.device.put(unsent("x"));
    const read = t.device.outbox.bind(t.device);
    t.device.outbox = async () => {
      const stale = await read();
      await t.device.keep("lobby", [message(1, { id: "x", client_id: "ann" }), message(2), message(3)], ["x"]);
      return stale;
    };
    const { room, outbox } = await t.tab();
    await flushPromises();
    expect([room.timeline.get().outgoing, outbox.outgoing.get()]).toEqual([[], []]);
  });

  test("remove own messages that have come back from the outbox", async () => {
    const t = setUp();
    await t.device.keep("lobby", [message(1, { id: "x", client_id: "ann" })], []);
    await t.device.put(unsent("x", { msg: "message 1" }));
    t.server.up = false;
    const { room } = await t.tab();
    expect(room.timeline.get()).toMatchObject({ messages: [{ id: "x" }], outgoing: [] });
  });

  test("do not overwrite a draft that was begun meanwhile", async () => {
    const t = setUp();
    await t.device.set("draft:lobby", "old");
    const opening = t.tab();
    await Promise.resolve();
    const { room } = await opening;
    room.write("new");
    await flushPromises();
    expect(room.draft.get()).toBe("new");
  });
});

describe("sync", () => {
  test("a new room starts with the newest page, and has no unread messages", async () => {
    const t = setUp();
    t.fill(250);
    const { room, connect, shown } = await t.tab();
    await connect();
    expect(shown()).toEqual(run(151, 250));
    expect(room.timeline.get()).toMatchObject({ read: 250, last: 250, mark: null, older: "some" });
    expect(t.device.values.get("read:lobby")).toBe(250);
    expect((await t.device.history("lobby", 500)).length).toBe(100);
  });

  test("a room without messages waits for the first", async () => {
    const t = setUp();
    const { room, connect, shown } = await t.tab();
    await connect();
    expect(t.server.asked).toEqual(["dial", "join lobby"]);
    expect(room.timeline.get()).toMatchObject({ read: 0, last: 0, older: "none" });
    t.fill(1);
    await pass();
    expect(shown()).toEqual([1]);
  });

  test("a room that misses few messages reads on from its cursor", async () => {
    const t = setUp();
    t.fill(510);
    await t.device.keep("lobby", t.server.log("lobby").slice(0, 10), []);
    await t.device.set("read:lobby", 10);
    const { room, connect, shown } = await t.tab();
    await connect();
    expect(t.server.asked).toEqual(["dial", "join lobby", "join lobby 9"]);
    expect(shown()).toEqual(run(311, 510)); // the room is not open, so only the newest stay in memory
    expect(room.timeline.get()).toMatchObject({ read: 10, last: 510 });
    expect((await t.device.history("lobby", 600)).length).toBe(510);
  });

  test("a room that misses many messages starts with the newest page, and appends what comes meanwhile", async () => {
    const t = setUp();
    t.fill(511);
    await t.device.keep("lobby", t.server.log("lobby").slice(0, 10), []);
    const { connect, shown } = await t.tab();
    t.server.after = async (what) => void (what.includes("limit=100") && t.fill(520));
    await connect();
    expect(shown()).toEqual(run(412, 520));
  });
});

describe("sync when the server's log has changed", () => {
  test("a room whose next message no longer exists starts with the newest page", async () => {
    const t = setUp();
    t.fill(50);
    await t.device.keep("lobby", t.server.log("lobby").slice(0, 10), []);
    t.server.oldest = 31;
    const { room, connect, shown } = await t.tab();
    await connect();
    expect(shown()).toEqual(run(31, 50));
    expect(room.timeline.get().older).toBe("none");
  });

  test("an own message whose answer was lost leaves the outbox, also in a room that nobody has opened", async () => {
    const t = setUp();
    const { room, outbox, connect } = await t.tab("lobby", { wasOpened: false });
    t.server.after = () => Promise.reject(new TypeError("Failed to fetch"));
    await outbox.add("lobby", "mine");
    await pass();
    t.server.after = async () => {};
    t.fill(60);
    await connect();
    await pass(1_000);
    expect(t.server.log("lobby")[0]).toMatchObject({ id: "own-1", msg: "mine" });
    expect(room.timeline.get().outgoing).toEqual([]);
  });

  test("a room whose messages no longer exist continues with new ones", async () => {
    const t = setUp();
    t.fill(50);
    t.server.oldest = 51;
    const { room, connect, shown } = await t.tab();
    await connect();
    expect(room.timeline.get()).toMatchObject({ messages: [], last: 50, older: "none" });
    t.fill(52);
    await pass();
    expect(shown()).toEqual([51, 52]);
  });

  test("a shorter log is another one, so the old one is dropped, also on the device", async () => {
    const t = setUp();
    await t.device.keep("lobby", messages(1, 50, { msg: "of another server" }), []);
    await t.device.set("read:lobby", 50);
    t.fill(20);
    const { room, connect, shown } = await t.tab();
    await connect();
    expect(shown()).toEqual(run(1, 20));
    expect(room.timeline.get().messages.every((m) => m.msg !== "of another server")).toBe(true);
    expect(room.timeline.get()).toMatchObject({ read: 20, last: 20 });
    expect([(await t.device.history("lobby", 99)).length, t.device.values.get("read:lobby")]).toEqual([20, 20]);
  });

  test.each([
    [50, "as long as"],
    [60, "a little longer than"],
    [900, "much longer than"],
  ])("another log of %i messages, %s before, is recognized by its messages", async (length) => {
    const t = setUp();
    await t.device.keep("lobby", messages(1, 50, { msg: "of another server" }), []);
    await t.device.set("read:lobby", 50);
    t.fill(length);
    const { room, connect, shown } = await t.tab();
    const hub = await connect();
    if (length < 500) {
      await hub.closed; // the room starts again over another connection
      await connect();
    }
    expect(shown()).toEqual(run(Math.max(1, length - 99), length));
    expect(room.timeline.get()).toMatchObject({ read: length, last: length });
    room.open();
    await room.older(1);
    expect(shown()).toEqual(run(1, length));
    expect(
      [...room.timeline.get().messages, ...(await t.device.history("lobby", 9_999))].some(
        (m) => m.msg === "of another server",
      ),
    ).toBe(false);
  });

  test("another log that shows itself by a live message is read from the start over another connection", async () => {
    const t = setUp();
    t.fill(20);
    const { room, connect, shown } = await t.tab();
    const hub = await connect();
    t.server.log("lobby").splice(0);
    for (let seq = 1; seq <= 21; seq++) t.server.log("lobby").push(message(seq, { id: `new-${seq}` }));
    room.receive(message(20, { id: "new-20" }));
    await pass();
    await hub.closed;
    expect([shown(), t.device.logs.get("lobby")?.size, room.timeline.get().wentBack]).toEqual([[], 0, ""]);
    await connect();
    expect(room.timeline.get().messages.map((m) => m.id)).toEqual(run(1, 21).map((seq) => `new-${seq}`));
  });

  test("an answer that comes after newer messages does not count as another log", async () => {
    const t = setUp();
    t.fill(20);
    const { room, connect, shown } = await t.tab();
    const hub = await connect();
    const slow = {
      ...hub,
      join: async (name: string, after?: number) => {
        const answer = await hub.join(name, after);
        t.fill(25);
        await pass(100); // they are shown before the answer comes
        return answer;
      },
    };
    await room.sync(slow);
    await pass();
    expect(shown()).toEqual(run(1, 25));
    expect(room.timeline.get()).toMatchObject({ last: 25, read: 20 });
    expect(t.server.asked.filter((what) => what.startsWith("GET")).length).toBe(1); // when it was new
  });
});

describe("sync that fails, or is late", () => {
  test("a room that may not be read shows why, until it may be read", async () => {
    const t = setUp();
    t.server.forbidden.add("lobby");
    const { room, connect } = await t.tab();
    await connect();
    expect(room.timeline.get().refused).toEqual({ code: "forbidden", text: "not for you" });
    t.server.forbidden.clear();
    await connect();
    expect(room.timeline.get().refused).toBeNull();
  });

  test("rejects with a temporary failure, so that the caller tries again", async () => {
    const t = setUp();
    t.fill(5);
    const { room, connect, shown } = await t.tab();
    t.server.before = async (what) => void (t.server.up = !what.startsWith("GET"));
    await expect(connect()).rejects.toMatchObject({ trouble: "unreachable" });
    t.server.before = async () => {};
    t.server.up = true;
    await connect();
    expect([shown(), room.timeline.get().refused]).toEqual([run(1, 5), null]);
  });

  test("two at once, and one with a late page, leave no gap in the log", async () => {
    const t = setUp();
    t.fill(600);
    const { room, connect, shown } = await t.tab();
    let late = () => {};
    let pages = 0;
    t.server.after = async (what) => {
      if (what.startsWith("GET") && ++pages === 1) await new Promise<void>((resolve) => (late = resolve));
    };
    const first = connect().catch(() => undefined);
    await flushPromises();
    t.server.cut();
    t.fill(900);
    await connect();
    t.fill(905);
    await pass();
    expect(shown()).toEqual(run(801, 905));
    late();
    await flushPromises();
    await first;
    await pass();
    expect(shown()).toEqual(run(801, 905));
    expect(room.timeline.get().last).toBe(905);
  });
});
