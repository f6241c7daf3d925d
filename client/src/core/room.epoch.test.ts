import { Failure } from "./failure";
import { flushPromises, message, messages } from "./fakes";
import { idsOf, pass, run, setUpEpochs, timeOf } from "./room.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2) }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe("the epoch of a room's log", () => {
  test("is kept with the log, and named when the log is read on", async () => {
    const t = setUpEpochs(20);
    const first = await t.tab();
    await first.connect();
    expect(t.device.values.get("epoch:lobby")).toBe("a");
    expect(await t.kept()).toEqual(idsOf("a", 1, 20));
    first.room.close();
    t.fill(30);
    t.server.asked.length = 0;
    const { room, connect, shown } = await t.tab();
    await connect();
    expect(t.server.asked).toEqual(["dial", "join lobby", "join lobby 19 a"]);
    expect([shown(), room.timeline.get().wentBack, room.timeline.get().read]).toEqual([run(1, 30), null, 20]);
  });

  test("of a log from an earlier version of the app is that of the server if the messages are the same", async () => {
    const t = setUpEpochs(30);
    await t.device.keep("lobby", t.server.log("lobby").slice(0, 20), []);
    await t.device.set("read:lobby", 10);
    const { room, connect, shown } = await t.tab();
    await connect();
    expect(t.server.asked).toEqual([
      "dial",
      "join lobby",
      "GET /rooms/lobby/messages?limit=1&before=21",
      "join lobby 19 a",
    ]);
    expect(room.timeline.get()).toMatchObject({ wentBack: null, read: 10, last: 30 });
    expect([shown(), await t.kept(), t.device.values.get("epoch:lobby")]).toEqual([run(1, 30), idsOf("a", 1, 30), "a"]);
  });

  test("of a log from an earlier version of the app is not guessed if the messages are others", async () => {
    const t = setUpEpochs(30);
    await t.device.keep("lobby", messages(1, 20, { msg: "of another server" }), []);
    const { room, connect } = await t.tab();
    await connect();
    expect(room.timeline.get().wentBack).toBe("");
    expect([room.timeline.get().messages.map((m) => m.id), await t.kept()]).toEqual([
      idsOf("a", 1, 30),
      idsOf("a", 1, 30),
    ]);
  });

  test("stays known while the server is of an earlier version, whose log is compared", async () => {
    const t = setUpEpochs(20);
    const { room, connect } = await t.tab();
    await connect();
    t.server.cut();
    t.server.epoch = undefined;
    t.server.asked.length = 0;
    await connect();
    expect(t.server.asked).toEqual(["dial", "join lobby", "join lobby 19"]);
    expect([t.device.values.get("epoch:lobby"), room.timeline.get().wentBack]).toEqual(["a", null]);
  });

  test("is known at the next start if the device could not be read at this one", async () => {
    const t = setUpEpochs(20);
    const first = await t.tab();
    await first.connect();
    first.room.close();
    t.device.full = true;
    const { connect, shown } = await t.tab();
    t.device.full = false;
    await connect();
    expect([shown(), await t.kept()]).toEqual([run(1, 20), idsOf("a", 1, 20)]);
  });
});

describe("after a server has gone back", () => {
  test("while the room was connected: the room shows what the server has, and what may be missing", async () => {
    const t = setUpEpochs(50);
    const { room, connect, shown } = await t.tab();
    await connect();
    room.open();
    room.write("half a sen");
    t.goBack(40, "b", 45);
    await connect();
    expect(t.server.asked.slice(-5)).toEqual([
      "dial",
      "join lobby",
      "join lobby 50 a",
      "join lobby",
      "GET /rooms/lobby/messages?limit=100",
    ]);
    expect([room.timeline.get().messages.map((m) => m.id), await t.kept()]).toEqual([
      [...idsOf("a", 1, 40), ...idsOf("b", 41, 45)],
      [...idsOf("a", 1, 40), ...idsOf("b", 41, 45)],
    ]);
    expect(room.timeline.get()).toMatchObject({ wentBack: timeOf(40), read: 40, mark: 40, last: 45, older: "none" });
    expect(t.device.values).toEqual(
      new Map<string, unknown>([
        ["epoch:lobby", "b"],
        ["read:lobby", 40],
        ["back:lobby", timeOf(40)],
        ["draft:lobby", "half a sen"],
      ]),
    );
    t.server.store("lobby", "live");
    await pass();
    expect([shown(), room.draft.get()]).toEqual([run(1, 46), "half a sen"]);
  });

  test.each([
    [45, "less"],
    [50, "as much"],
    [60, "more"],
    [900, "much more"],
  ])("while the device was offline, and has %i messages now, which is %s", async (length) => {
    const t = setUpEpochs(50);
    const first = await t.tab();
    await first.connect();
    first.room.close();
    t.goBack(40, "b", length);
    const { room, connect, shown } = await t.tab();
    await connect();
    const from = Math.max(1, length - 99);
    expect(shown()).toEqual(run(from, length));
    expect(room.timeline.get()).toMatchObject({ wentBack: timeOf(40), read: Math.max(40, length - 100), last: length });
    room.open();
    await room.older(1);
    expect(room.timeline.get().messages.map((m) => m.id)).toEqual([...idsOf("a", 1, 40), ...idsOf("b", 41, length)]);
    expect(await t.kept()).toEqual([...idsOf("a", 1, 40), ...idsOf("b", 41, length)]);
  });
});

describe("a server that has gone back", () => {
  test("twice: the notice names the earlier time until it is dismissed, also after a restart", async () => {
    const t = setUpEpochs(50);
    const first = await t.tab();
    await first.connect();
    t.goBack(30, "b", 45);
    await first.connect();
    t.goBack(40, "c", 45);
    await first.connect();
    expect(first.room.timeline.get().wentBack).toBe(timeOf(30));
    first.room.close();
    const { room } = await t.tab();
    const other = await t.tab();
    expect([room.timeline.get().wentBack, other.room.timeline.get().wentBack]).toEqual([timeOf(30), timeOf(30)]);
    room.dismiss();
    await flushPromises();
    expect([
      room.timeline.get().wentBack,
      other.room.timeline.get().wentBack,
      t.device.values.get("back:lobby"),
    ]).toEqual([null, null, undefined]);
  });

  test("to before the messages on the device, or that does not tell how far: the notice names no time", async () => {
    const t = setUpEpochs(500);
    const { room, connect, shown } = await t.tab();
    await connect();
    t.goBack(3, "b");
    await connect();
    expect([shown(), room.timeline.get().wentBack, room.timeline.get().read]).toEqual([[1, 2, 3], "", 3]);
    room.dismiss();
    t.goBack(2, "c", 5);
    t.server.before = async (what) => {
      if (what === "join lobby 3 b") throw new Failure("later", "not now");
    };
    await expect(connect()).rejects.toMatchObject({ trouble: "later" });
    await connect();
    expect([shown(), room.timeline.get().wentBack, room.timeline.get().read]).toEqual([run(1, 5), "", 5]);
  });

  test.each([
    [60, "a little"],
    [900, "much"],
  ])(
    "by older copies of all its files, and has %i messages now, %s more than before, is noticed by the messages",
    async (length) => {
      const t = setUpEpochs(50);
      const { room, connect } = await t.tab();
      await connect();
      t.server.cut();
      t.server.log("lobby").splice(40);
      for (let seq = 41; seq <= length; seq++) t.server.log("lobby").push(message(seq, { id: `new-${seq}` }));
      await connect();
      if (length === 60) await connect(); // it has ended that connection
      expect(room.timeline.get()).toMatchObject({ wentBack: "", last: length, read: length });
      room.open();
      await room.older(1);
      const expected = [...idsOf("a", 1, 40), ...idsOf("new", 41, length)];
      expect([room.timeline.get().messages.map((m) => m.id), await t.kept()]).toEqual([expected, expected]);
    },
  );

  test("to a room without messages: there is nothing left to show", async () => {
    const t = setUpEpochs(5);
    const { room, connect, shown } = await t.tab();
    await connect();
    t.goBack(0, "b");
    await connect();
    expect([shown(), await t.kept()]).toEqual([[], []]);
    expect(room.timeline.get()).toMatchObject({ wentBack: "", read: 0, last: 0, mark: null });
    t.fill(1);
    t.server.cut();
    await connect();
    expect(room.timeline.get().messages.map((m) => m.id)).toEqual(["b-1"]);
  });

  test("where this device has nothing of the room: there is nothing to say", async () => {
    const t = setUpEpochs(0);
    const { room, connect, shown } = await t.tab();
    await connect();
    t.goBack(0, "b", 3);
    await connect();
    expect([shown(), room.timeline.get().wentBack, room.timeline.get().read]).toEqual([[1, 2, 3], null, 3]);
  });

  test("keeps what waits to be sent, and drops what was confirmed", async () => {
    const t = setUpEpochs(5);
    const { room, connect } = await t.tab();
    await connect();
    await room.send("confirmed");
    await pass();
    expect(room.timeline.get()).toMatchObject({ last: 6, outgoing: [] });
    t.server.up = false;
    await room.send("waits");
    t.server.up = true;
    t.goBack(5, "b");
    await connect();
    expect(room.timeline.get().messages.map((m) => m.id)).toEqual(idsOf("a", 1, 5));
    expect(room.timeline.get().outgoing.map((m) => m.msg)).toEqual(["waits"]);
    expect([...t.device.box.values()].map((m) => m.msg)).toEqual(["waits"]);
  });
});

describe("a room whose oldest messages are removed", () => {
  test("goes on with what is left, and says from where on", async () => {
    const t = setUpEpochs(20);
    const first = await t.tab();
    await first.connect();
    first.room.close();
    t.fill(50);
    t.server.oldest = 31;
    const { room, connect, shown } = await t.tab();
    await connect();
    expect(shown()).toEqual(run(31, 50));
    expect(room.timeline.get()).toMatchObject({ wentBack: null, oldest: 31, older: "none", read: 20 });
  });

  test("while it is read on: the room is read again at once", async () => {
    const t = setUpEpochs(20);
    const { connect, shown } = await t.tab();
    await connect();
    for (let seq = 21; seq <= 40; seq++) t.server.log("lobby").push(message(seq)); // the hub has not delivered them yet
    t.server.raise("lobby", 31);
    await pass();
    expect(shown()).toEqual(run(31, 40));
  });

  test("between the two joins: the room is read again", async () => {
    const t = setUpEpochs(20);
    const { room, connect } = await t.tab();
    await connect();
    t.fill(40);
    const hub = await t.server.dial({ received: (m) => room.receive(m), reset: () => undefined });
    t.server.before = async (what) => void (t.server.oldest = what === "join lobby 19 a" ? 31 : t.server.oldest);
    await expect(room.sync(hub)).rejects.toMatchObject({ trouble: "later" });
    await room.sync(hub);
    await pass();
    expect(room.timeline.get().messages.map((m) => m.seq)).toEqual(run(31, 40));
  });

  test("has none left: that is shown", async () => {
    const t = setUpEpochs(20);
    const { room, connect, shown } = await t.tab();
    await connect();
    t.server.oldest = 31;
    for (let seq = 21; seq <= 30; seq++) t.server.log("lobby").push(message(seq));
    t.server.cut();
    await connect();
    expect(shown()).toEqual([]);
    expect(room.timeline.get()).toMatchObject({ last: 30, oldest: 31, older: "none" });
  });
});
