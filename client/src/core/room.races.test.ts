import { flushPromises, message } from "./fakes";
import { idsOf, pass, run, setUpEpochs, timeOf } from "./room.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2) }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe("while a server goes back", () => {
  test("messages that the last connection delivered do not reach the new log", async () => {
    const t = setUpEpochs(50);
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
    const t = setUpEpochs(50);
    const { room, connect } = await t.tab();
    await connect();
    room.open(); // its last message is compared, although the numbers are the same
    const hub = await t.server.dial({ received: (m) => room.receive(m), reset: () => undefined });
    t.server.before = async (what) => {
      if (what !== "join lobby 49 a") return;
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
    const t = setUpEpochs(5);
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
    const t = setUpEpochs(200);
    const { room, connect, shown } = await t.tab();
    const hub = await connect();
    room.open();
    t.server.epoch = "b";
    await room.older();
    await hub.closed;
    expect([shown(), room.timeline.get().older]).toEqual([run(101, 200), "failed"]);
  });

  test("messages that the device has already removed are not read from it", async () => {
    const t = setUpEpochs(200);
    const one = await t.tab();
    await one.connect();
    one.room.open();
    await t.device.keep("lobby", t.server.log("lobby").slice(0, 100), [], "a");
    await t.device.begin("lobby", "b");
    t.server.asked.length = 0;
    await one.room.older();
    expect([one.shown()[0], t.server.asked]).toEqual([1, ["GET /rooms/lobby/messages?limit=500&before=101"]]);
    expect(await t.kept()).toEqual([]); // they are of another epoch than those that the device keeps now
  });
});

describe("while a server goes back, an answer that comes late", () => {
  test("and is an older page of the last epoch is dropped", async () => {
    const t = setUpEpochs(200);
    const { room, connect, shown } = await t.tab();
    await connect();
    let go = () => {};
    t.server.after = (what) =>
      what.includes("limit=500") ? new Promise((resolve) => (go = resolve)) : Promise.resolve();
    const loading = room.older();
    await flushPromises();
    t.goBack(50, "b", 200);
    const hub = await connect();
    const ended = jest.fn();
    void hub.closed.then(ended);
    go();
    await loading;
    expect([shown(), (await t.kept())[0], room.timeline.get().older]).toEqual([run(101, 200), "b-101", "some"]);
    expect(ended).not.toHaveBeenCalled();
  });

  test("from the device and has messages of the last epoch is dropped", async () => {
    const t = setUpEpochs(200);
    await t.device.begin("lobby", "a");
    await t.device.keep("lobby", t.server.log("lobby"), [], "a");
    const { room, connect } = await t.tab();
    await connect();
    room.open();
    let go = () => {};
    const history = t.device.history.bind(t.device);
    jest.spyOn(t.device, "history").mockImplementationOnce(async (...asked) => {
      const found = await history(...asked);
      await new Promise<void>((resolve) => (go = resolve));
      return found;
    });
    const loading = room.older();
    await flushPromises();
    t.goBack(50, "b", 200);
    await connect();
    go();
    await loading;
    await room.older(1);
    expect(room.timeline.get().messages.map((m) => m.id)).toEqual([...idsOf("a", 1, 50), ...idsOf("b", 51, 200)]);
  });

  test("and tells the new epoch a second time does not make the room go back twice", async () => {
    const t = setUpEpochs(50);
    const { room, connect } = await t.tab();
    await connect();
    t.goBack(40, "b", 45);
    const hub = await t.server.dial({ received: (m) => room.receive(m), reset: () => undefined });
    let go = () => {};
    const gone = new Promise<void>((resolve) => (go = resolve));
    const slow = {
      ...hub,
      join: async (name: string) => {
        const joined = await hub.join(name);
        await gone;
        return joined;
      },
    };
    const late = room.sync(slow);
    await room.sync(hub);
    go();
    await late;
    await pass();
    expect(room.timeline.get()).toMatchObject({ wentBack: timeOf(40), read: 40, last: 45 });
    expect(await t.kept()).toEqual([...idsOf("a", 1, 40), ...idsOf("b", 41, 45)]);
    expect(t.device.values.get("read:lobby")).toBe(40);
  });
});

describe("two tabs of a server that has gone back", () => {
  test("show the same, and keep it once", async () => {
    const t = setUpEpochs(50);
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
    const t = setUpEpochs(50);
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
