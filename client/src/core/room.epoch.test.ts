import { Failure } from "./failure";
import { flushPromises, message, messages } from "./fakes";
import { pass, run, setUp as setUpRoom } from "./room.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2) }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

/** A server in the epoch a. Its messages have the times of their numbers. */
function setUp(last: number) {
  const t = setUpRoom();
  t.server.epoch = "a";
  const fill = (to: number) => {
    for (let seq = t.server.log("lobby").length + 1; seq <= to; seq++) t.server.log("lobby").push(message(seq, { id: `${t.server.epoch}-${seq}` }));
  };
  fill(last);
  /** Loses the messages after a number, begins another epoch, and adds messages up to another number. */
  const goBack = (to: number, epoch: string, next = to) => {
    t.server.goBack("lobby", to, epoch);
    fill(next);
  };
  const kept = async () => (await t.device.history("lobby", 9_999, undefined, t.device.values.get("epoch:lobby") as string | undefined)).map((m) => m.id);
  return { ...t, fill, goBack, kept };
}

const idsOf = (epoch: string, from: number, to: number) => run(from, to).map((seq) => `${epoch}-${seq}`);
const timeOf = (seq: number) => message(seq).sent_at;

describe("the epoch of a room's log", () => {
  test("is kept with the log, and named when the log is read on", async () => {
    const t = setUp(20);
    const first = await t.tab();
    await first.connect();
    expect(t.device.values.get("epoch:lobby")).toBe("a");
    expect(await t.kept()).toEqual(idsOf("a", 1, 20));
    first.room.close();
    t.fill(30);
    t.server.asked.length = 0;
    const { room, connect, shown } = await t.tab();
    await connect();
    expect(t.server.asked).toEqual(["dial", "join lobby", "join lobby 20 a"]);
    expect([shown(), room.timeline.get().wentBack, room.timeline.get().read]).toEqual([run(1, 30), null, 20]);
  });

  test("of a log from an earlier version of the app is that of the server if the messages are the same", async () => {
    const t = setUp(30);
    await t.device.keep("lobby", t.server.log("lobby").slice(0, 20));
    await t.device.set("read:lobby", 10);
    const { room, connect, shown } = await t.tab();
    await connect();
    expect(t.server.asked).toEqual(["dial", "join lobby", "GET /rooms/lobby/messages?limit=1&before=21", "join lobby 20 a"]);
    expect(room.timeline.get()).toMatchObject({ wentBack: null, read: 10, last: 30 });
    expect([shown(), await t.kept(), t.device.values.get("epoch:lobby")]).toEqual([run(1, 30), idsOf("a", 1, 30), "a"]);
  });

  test("of a log from an earlier version of the app is not guessed if the messages are others", async () => {
    const t = setUp(30);
    await t.device.keep("lobby", messages(1, 20, { msg: "of another server" }));
    const { room, connect } = await t.tab();
    await connect();
    expect(room.timeline.get().wentBack).toBe("");
    expect([room.timeline.get().messages.map((m) => m.id), await t.kept()]).toEqual([idsOf("a", 1, 30), idsOf("a", 1, 30)]);
  });

  test("stays known while the server is of an earlier version, whose log is compared", async () => {
    const t = setUp(20);
    const { room, connect } = await t.tab();
    await connect();
    t.server.cut();
    t.server.epoch = undefined;
    t.server.asked.length = 0;
    await connect();
    expect(t.server.asked).toEqual(["dial", "join lobby", "GET /rooms/lobby/messages?limit=1&before=21", "join lobby 20"]);
    expect([t.device.values.get("epoch:lobby"), room.timeline.get().wentBack]).toEqual(["a", null]);
  });

  test("is known at the next start if the device could not be read at this one", async () => {
    const t = setUp(20);
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
    const t = setUp(50);
    const { room, connect, shown } = await t.tab();
    await connect();
    room.open();
    room.write("half a sen");
    t.goBack(40, "b", 45);
    await connect();
    expect(t.server.asked.slice(-5)).toEqual(["dial", "join lobby", "join lobby 50 a", "join lobby", "GET /rooms/lobby/messages?limit=100"]);
    expect([room.timeline.get().messages.map((m) => m.id), await t.kept()]).toEqual([[...idsOf("a", 1, 40), ...idsOf("b", 41, 45)], [...idsOf("a", 1, 40), ...idsOf("b", 41, 45)]]);
    expect(room.timeline.get()).toMatchObject({ wentBack: timeOf(40), read: 40, mark: 40, last: 45, older: "none" });
    expect(t.device.values).toEqual(new Map<string, unknown>([["epoch:lobby", "b"], ["read:lobby", 40], ["back:lobby", timeOf(40)], ["draft:lobby", "half a sen"]]));
    t.server.store("lobby", "live");
    await pass();
    expect([shown(), room.draft.get()]).toEqual([run(1, 46), "half a sen"]);
  });

  test.each([[45, "less"], [50, "as much"], [60, "more"], [900, "much more"]])("while the device was offline, and has %i messages now, which is %s", async (length) => {
    const t = setUp(50);
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
    const t = setUp(50);
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
    expect([room.timeline.get().wentBack, other.room.timeline.get().wentBack, t.device.values.get("back:lobby")]).toEqual([null, null, undefined]);
  });

  test("to before the messages on the device, or that does not tell how far: the notice names no time", async () => {
    const t = setUp(500);
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

  test("to a room without messages: there is nothing left to show", async () => {
    const t = setUp(5);
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
    const t = setUp(0);
    const { room, connect, shown } = await t.tab();
    await connect();
    t.goBack(0, "b", 3);
    await connect();
    expect([shown(), room.timeline.get().wentBack, room.timeline.get().read]).toEqual([[1, 2, 3], null, 3]);
  });

  test("keeps what waits to be sent, and drops what was confirmed", async () => {
    const t = setUp(5);
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

describe("while a server goes back", () => {
  test("messages that the last connection delivered do not reach the new log", async () => {
    const t = setUp(50);
    const { room, connect } = await t.tab();
    await connect();
    room.receive(message(51, { id: "a-51" })); // not shown yet
    t.goBack(40, "b", 50);
    await connect();
    t.fill(51);
    t.server.cut();
    await connect();
    const expected = [...idsOf("a", 1, 40), ...idsOf("b", 41, 51)];
    expect([room.timeline.get().messages.map((m) => m.id), await t.kept()]).toEqual([expected, expected]);
  });

  test("between the two joins, the room is read again", async () => {
    const t = setUp(50);
    const { room, connect } = await t.tab();
    await connect();
    const hub = await t.server.dial({ received: (m) => room.receive(m), reset: () => undefined });
    t.server.before = async (what) => {
      if (what !== "join lobby 50 a") return;
      t.server.epoch = "b";
      t.server.log("lobby").splice(40);
    };
    await expect(room.sync(hub)).rejects.toMatchObject({ trouble: "later" });
    t.server.before = async () => {};
    await room.sync(hub);
    expect(room.timeline.get()).toMatchObject({ wentBack: "", last: 40 });
    expect(await t.kept()).toEqual(idsOf("a", 1, 40));
  });

  test("a newest page of another epoch ends the connection, and is not shown", async () => {
    const t = setUp(5);
    const { room, connect, shown } = await t.tab();
    t.server.before = async (what) => void (t.server.epoch = what.includes("limit=100") ? "b" : "a");
    await expect(connect()).rejects.toMatchObject({ trouble: "later" });
    expect([shown(), await t.kept()]).toEqual([[], []]);
    t.server.before = async () => {};
    t.server.epoch = "b";
    await connect();
    expect([shown(), room.timeline.get().last]).toEqual([run(1, 5), 5]);
  });

  test("an older page of another epoch ends the connection, and is not shown", async () => {
    const t = setUp(200);
    const { room, connect, shown } = await t.tab();
    const hub = await connect();
    room.open();
    t.server.epoch = "b";
    await room.older();
    await hub.closed;
    expect([shown(), room.timeline.get().older]).toEqual([run(101, 200), "failed"]);
  });

  test("an older page of the last epoch that comes late is dropped", async () => {
    const t = setUp(200);
    const { room, connect, shown } = await t.tab();
    await connect();
    let go = () => {};
    t.server.after = (what) => (what.includes("limit=500") ? new Promise((resolve) => (go = resolve)) : Promise.resolve());
    const loading = room.older();
    await flushPromises();
    t.goBack(50, "b", 200);
    await connect();
    go();
    await loading;
    expect([shown(), (await t.kept())[0]]).toEqual([run(101, 200), "b-101"]);
  });

  test("messages that the device has already removed are not read from it", async () => {
    const t = setUp(200);
    const one = await t.tab();
    await one.connect();
    one.room.open();
    await t.device.keep("lobby", t.server.log("lobby").slice(0, 100), "a");
    await t.device.begin("lobby", "b");
    t.server.asked.length = 0;
    await one.room.older();
    expect([one.shown()[0], t.server.asked]).toEqual([1, ["GET /rooms/lobby/messages?limit=500&before=101"]]);
    expect(await t.kept()).toEqual([]); // they are of another epoch than those that the device keeps now
  });
});

describe("two tabs of a server that has gone back", () => {
  test("show the same, and keep it once", async () => {
    const t = setUp(50);
    const [one, other] = [await t.tab(), await t.tab()];
    await one.connect();
    await other.connect();
    t.goBack(40, "b", 45);
    await one.connect();
    other.room.receive(message(51, { id: "a-51" })); // from its old connection
    await pass();
    one.room.read(45);
    await flushPromises();
    expect([one.room.timeline.get().read, other.room.timeline.get().read]).toEqual([45, 50]);
    await other.connect();
    const expected = [...idsOf("a", 1, 40), ...idsOf("b", 41, 45)];
    for (const { room } of [one, other]) {
      expect(room.timeline.get()).toMatchObject({ wentBack: timeOf(40), last: 45, read: 45 });
      expect(room.timeline.get().messages.map((m) => m.id)).toEqual(expected);
    }
    expect([await t.kept(), t.device.values.get("read:lobby")]).toEqual([expected, 45]);
    other.room.close();
    one.room.read(50);
    expect(one.room.timeline.get().read).toBe(50);
  });

  test("do not take what was read in the last epoch for what is read in this one", async () => {
    const t = setUp(50);
    const [one, other] = [await t.tab(), await t.tab()];
    await one.connect();
    await other.connect();
    t.fill(55);
    t.goBack(40, "b", 45);
    await one.connect();
    other.room.read(55);
    await flushPromises();
    expect(one.room.timeline.get().read).toBe(40);
  });
});

describe("a room whose oldest messages are removed", () => {
  test("goes on with what is left, and says from where on", async () => {
    const t = setUp(20);
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
    const t = setUp(20);
    const { connect, shown } = await t.tab();
    await connect();
    for (let seq = 21; seq <= 40; seq++) t.server.log("lobby").push(message(seq)); // the hub has not delivered them yet
    t.server.raise("lobby", 31);
    await pass();
    expect(shown()).toEqual(run(31, 40));
  });

  test("between the two joins: the room is read again", async () => {
    const t = setUp(20);
    const { room, connect } = await t.tab();
    await connect();
    t.fill(40);
    const hub = await t.server.dial({ received: (m) => room.receive(m), reset: () => undefined });
    t.server.before = async (what) => void (t.server.oldest = what === "join lobby 20 a" ? 31 : t.server.oldest);
    await expect(room.sync(hub)).rejects.toMatchObject({ trouble: "later" });
    await room.sync(hub);
    await pass();
    expect(room.timeline.get().messages.map((m) => m.seq)).toEqual(run(31, 40));
  });

  test("has none left: that is shown", async () => {
    const t = setUp(20);
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
