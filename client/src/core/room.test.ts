import { flushPromises } from "./fakes";
import { pass, setUp } from "./room.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2) }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe("unread", () => {
  async function opened(read: number, last: number) {
    const t = setUp();
    t.fill(last);
    await t.device.keep("lobby", t.server.log("lobby"), []);
    await t.device.set("read:lobby", read);
    return { t, ...(await t.tab()) };
  }

  test("the mark is set after the last read message, from open to close", async () => {
    const { room } = await opened(5, 8);
    const close = room.open();
    await flushPromises();
    room.attend();
    room.read(8);
    expect(room.timeline.get()).toMatchObject({ mark: 5, read: 8 });
    const another = room.open();
    close();
    close();
    await flushPromises();
    expect(room.timeline.get().mark).toBeNull(); // everything was read when the room was opened again
    another();
    room.open();
    await flushPromises();
    expect(room.timeline.get().mark).toBeNull();
  });

  test("a room that is closed before it is loaded has no mark", async () => {
    const { room } = await opened(5, 8);
    room.open()();
    await flushPromises();
    expect(room.timeline.get().mark).toBeNull();
  });

  test("catching up an open room sets the mark, live messages do not", async () => {
    const { t, room, connect } = await opened(8, 8);
    room.open();
    room.attend();
    await connect();
    t.fill(9);
    await pass();
    expect(room.timeline.get()).toMatchObject({ mark: null, last: 9, read: 8 });
    room.read(9);
    t.server.cut();
    t.fill(700);
    await connect();
    expect(room.timeline.get()).toMatchObject({ mark: 9, last: 700, read: 9 });
  });

  test("sending a message removes the mark, unless something above it is still unread", async () => {
    const { room } = await opened(5, 8);
    room.open();
    room.attend();
    await flushPromises();
    await room.send("a");
    expect(room.timeline.get().mark).toBe(5);
    room.read(8);
    await room.send("b");
    expect(room.timeline.get().mark).toBeNull();
  });

  test("the read position only grows, is sent to other tabs, and is stored", async () => {
    const { t, room } = await opened(5, 8);
    const other = await t.tab();
    room.read(7);
    room.read(6);
    await flushPromises();
    expect([room.timeline.get().read, other.room.timeline.get().read, t.device.values.get("read:lobby")]).toEqual([
      7, 7, 7,
    ]);
    expect(t.tabs.posted).toEqual([{ is: "read", room: "lobby", seq: 7 }]);
  });

  test("a room first opened offline has no unread messages until it is caught up, and then only new ones", async () => {
    const t = setUp();
    const { room, connect } = await t.tab();
    expect(room.timeline.get()).toMatchObject({ read: -1, mark: null });
    t.fill(30);
    room.open();
    await connect();
    expect(room.timeline.get()).toMatchObject({ read: 30, mark: null });
    t.fill(31);
    await pass();
    expect(room.timeline.get()).toMatchObject({ read: 30, last: 31 });
  });
});

describe("writing", () => {
  test("a draft is stored, and shown in other tabs, until it is sent", async () => {
    const t = setUp();
    const { room } = await t.tab();
    const other = await t.tab();
    const elsewhere = await t.tab("tea");
    room.write("hello");
    await flushPromises();
    expect([other.room.draft.get(), elsewhere.room.draft.get(), t.device.values.get("draft:lobby")]).toEqual([
      "hello",
      "",
      "hello",
    ]);
    await room.send("hello");
    await flushPromises();
    expect([room.draft.get(), other.room.draft.get(), t.device.values.get("draft:lobby")]).toEqual(["", "", undefined]);
  });

  test("a draft stays on the device until its message is stored there", async () => {
    const t = setUp();
    const { room } = await t.tab();
    room.write("hello");
    let keep = () => {};
    t.device.put = () => new Promise<void>((resolve) => (keep = resolve));
    const sent = room.send("hello");
    await flushPromises();
    expect([room.draft.get(), t.device.values.get("draft:lobby")]).toEqual(["", "hello"]);
    keep();
    await sent;
    await flushPromises();
    expect(t.device.values.get("draft:lobby")).toBeUndefined();
  });

  test.each([
    ["nothing", " \n"],
    ["too much", "a".repeat(32_769)],
  ])("%s is not sent, and stays a draft", async (_, text) => {
    const t = setUp();
    const { room } = await t.tab();
    room.write(text);
    await expect(room.send(text)).rejects.toMatchObject({ trouble: "rejected" });
    expect([room.draft.get(), room.timeline.get().outgoing]).toEqual([text, []]);
  });

  test("lone surrogates are replaced before a message is stored", async () => {
    const t = setUp();
    const { room } = await t.tab();
    await room.send("a\ud83d");
    expect(t.server.log("lobby")[0]?.msg ?? [...t.device.box.values()][0]?.msg).toBe("a\ufffd");
  });

  test("messages to other rooms are not shown", async () => {
    const t = setUp();
    const { room, outbox } = await t.tab();
    t.server.up = false;
    await outbox.add("tea", "a");
    expect(room.timeline.get().outgoing).toEqual([]);
  });
});
