import type { Chat, Summary } from "./chat";
import { pass, setUp } from "./chat.fakes";
import { messages, flushPromises, tokenOf } from "./fakes";
import { dial } from "./hub";
import { maxBytes } from "./message";

jest.mock("./hub", () => ({ dial: jest.fn() }));

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2), doNotFake: ["queueMicrotask"] }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

const names = (chat: Chat) => chat.rooms.get().map((r) => r.name);
const texts = (chat: Chat, room: string) =>
  chat
    .room(room)
    ?.timeline.get()
    .messages.map((m) => m.msg);
const newest = ({ newest: m }: Summary) => m?.msg;

describe("the rooms that a client starts with", () => {
  test.each([
    ["without a token: the lobby", undefined, ["lobby"]],
    ["with a token for all rooms: the lobby", ["*"], ["lobby"]],
    ["with a token for a prefix of lobby: the lobby", ["lob*"], ["lobby"]],
    ["with a token for other rooms: those", ["b", "team-*", "a", "NO"], ["a", "b"]],
    ["with a token for no room: none", [], []],
  ])("%s", async (_, rooms, begins) => {
    const t = setUp();
    const token = tokenOf({ sub: "ann", exp: 4e9, rooms });
    const chat = await t.open(rooms === undefined ? { client: "ann" } : { client: "ann", token });
    expect(names(chat)).toEqual(begins);
    await chat.close();
  });

  test("are the stored ones, even if the list is empty", async () => {
    const t = setUp();
    await t.device.set("rooms", ["x", "y"]);
    expect(names(await t.open())).toEqual(["x", "y"]);
    await t.device.set("rooms", []);
    expect(names(await t.open())).toEqual([]);
  });

  test("need neither a network nor a working device", async () => {
    const t = setUp();
    t.server.up = false;
    t.device.full = true;
    const chat = await t.open();
    expect(names(chat)).toEqual(["lobby"]);
    expect(chat.link.get().is).toBe("away");
  });
});

test("the rooms are sorted by their newest message, own ones included", async () => {
  const t = setUp();
  await t.device.set("rooms", ["a", "b", "c"]);
  await t.device.keep("a", messages(1, 2, { room: "a" }), []);
  await t.device.keep("b", messages(1, 5, { room: "b" }), []);
  await t.device.set("read:b", 3);
  t.server.up = false;
  const chat = await t.open();
  expect(chat.rooms.get().map((s) => [s.name, newest(s), s.unread])).toEqual([
    ["b", "message 5", 2],
    ["a", "message 2", 0],
    ["c", undefined, 0],
  ]);
  const [b] = chat.rooms.get();
  const changed = jest.fn();
  chat.rooms.subscribe(changed);
  chat.room("c")?.write("hm");
  await pass();
  await chat.room("c")?.send("mine");
  await pass();
  expect(chat.rooms.get().map((s) => [s.name, newest(s), s.draft])).toEqual([
    ["c", "mine", ""],
    ["b", "message 5", ""],
    ["a", "message 2", ""],
  ]);
  expect(chat.rooms.get()[1]).toBe(b); // the same object, because it has not changed
  expect(changed).toHaveBeenCalledTimes(2); // once a frame
  expect(chat.waiting.get()).toBe(1);
});

describe("joining and leaving", () => {
  test("a joined room is read, stored, and joined in the other tabs", async () => {
    const t = setUp();
    t.server.store("tea", "hello");
    const chat = await t.open();
    const other = await t.open();
    const room = chat.join("tea");
    expect(chat.join("tea")).toBe(room);
    await pass();
    expect([texts(chat, "tea"), names(other), texts(other, "tea")]).toEqual([["hello"], ["tea", "lobby"], ["hello"]]);
    expect(t.device.values.get("rooms")).toEqual(["lobby", "tea"]);
  });

  test("a tab that does not know all rooms does not remove any from the others", async () => {
    const t = setUp();
    const one = await t.open();
    for (const name of ["a", "b"]) one.join(name);
    await pass();
    const get = t.device.get.bind(t.device);
    t.device.get = () => Promise.reject(new Error("not now"));
    const other = await t.open();
    expect(names(other)).toEqual(["lobby"]); // a guess, which is not stored
    t.device.get = get;
    other.join("c");
    await pass();
    expect([names(one).sort(), names(other).sort(), t.device.values.get("rooms")]).toEqual([
      ["a", "b", "c", "lobby"],
      ["a", "b", "c", "lobby"],
      ["lobby", "a", "b", "c"],
    ]);
  });

  test.each(["", "A", "a/b", "../x", "a".repeat(65)])("%j is not the name of a room", async (name) => {
    const chat = await setUp().open();
    expect(() => chat.join(name)).toThrow("not the name");
  });

  test("a room that was left is no longer read, and its waiting messages are still sent", async () => {
    const t = setUp();
    const chat = await t.open();
    const other = await t.open();
    const tea = chat.join("tea");
    await pass();
    t.server.up = false;
    await tea.send("bye");
    await pass();
    chat.leave("tea");
    chat.leave("unknown");
    await pass();
    expect([chat.room("tea"), names(chat), names(other), chat.waiting.get()]).toEqual([
      undefined,
      ["lobby"],
      ["lobby"],
      1,
    ]);
    t.server.up = true;
    await pass(30_000);
    expect([t.server.log("tea").map((m) => m.msg), chat.waiting.get()]).toEqual([["bye"], 0]);
    t.server.store("tea", "more");
    chat.join("tea");
    await pass();
    expect(texts(chat, "tea")).toEqual(["bye", "more"]);
    expect(chat.room("tea")?.timeline.get().outgoing).toEqual([]);
  });

  test("a room that the server refused is tried again when another one is left", async () => {
    const t = setUp();
    t.server.forbidden.add("tea");
    const chat = await t.open();
    chat.join("tea");
    await pass();
    expect(chat.room("tea")?.timeline.get().refused).toEqual({ code: "forbidden", text: "not for you" });
    t.server.forbidden.clear();
    chat.leave("lobby");
    await pass();
    expect(chat.room("tea")?.timeline.get().refused).toBeNull();
  });

  test("the rooms of the server are listed", async () => {
    const t = setUp();
    t.server.store("tea", "x");
    await expect((await t.open()).search("")).resolves.toMatchObject({ rooms: [{ name: "tea", last_seq: 1 }] });
  });
});

describe("a connection", () => {
  test("reads the visible room first", async () => {
    const t = setUp();
    await t.device.set("rooms", ["a", "b", "c"]);
    t.server.up = false;
    const chat = await t.open();
    chat.prefer("b");
    t.server.up = true;
    t.server.asked.length = 0;
    chat.retry();
    await pass();
    expect(t.server.asked.filter((what) => what.startsWith("join"))).toEqual(["join b", "join a", "join c"]);
    chat.prefer(undefined);
  });

  test("that is cut is opened again, and all messages come once, in order", async () => {
    const t = setUp();
    const chat = await t.open();
    for (let i = 1; i <= 30; i++) {
      t.server.store("lobby", `bob ${i}`);
      void chat.room("lobby")?.send(`ann ${i}`);
      if (i % 7 === 0) t.server.cut();
      t.server.up = i % 5 !== 0;
      await pass(100);
    }
    t.server.up = true;
    await pass(60_000);
    const log = t.server.log("lobby").map((m) => m.msg);
    expect(log.filter((msg) => msg.startsWith("ann"))).toEqual(Array.from({ length: 30 }, (_, i) => `ann ${i + 1}`));
    expect([texts(chat, "lobby"), chat.room("lobby")?.timeline.get().outgoing, chat.waiting.get()]).toEqual([
      log,
      [],
      0,
    ]);
  });

  test("tries again to catch up a room after a failure, and the other rooms do not wait", async () => {
    const t = setUp();
    await t.device.set("rooms", ["a", "b"]);
    for (const room of ["a", "b"]) t.server.store(room, "x");
    t.server.before = async (what) => {
      if (what.startsWith("GET /rooms/a/")) throw new TypeError("Failed to fetch");
    };
    const chat = await t.open();
    chat.prefer("a");
    await pass(5_000);
    expect([texts(chat, "a"), texts(chat, "b"), chat.link.get().is]).toEqual([[], ["x"], "live"]);
    const tries = t.server.asked.filter((what) => what.startsWith("GET /rooms/a/")).length;
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(10);
    t.server.before = async () => {};
    await pass(30_000);
    expect(texts(chat, "a")).toEqual(["x"]);
  });

  test("that the server ends because it has gone back is opened again at once, and every room is read anew", async () => {
    const t = setUp();
    t.server.epoch = "a";
    await t.device.set("rooms", ["a", "b"]);
    for (const room of ["a", "b"]) for (const msg of ["one", "two", "three"]) t.server.store(room, msg);
    const chat = await t.open();
    await pass(11_000);
    t.server.goBack("a", 1, "b");
    t.server.store("a", "another");
    await pass(500);
    expect([chat.link.get().is, texts(chat, "a"), texts(chat, "b")]).toEqual([
      "live",
      ["one", "another"],
      ["one", "two", "three"],
    ]);
    expect(["a", "b"].map((name) => chat.room(name)?.timeline.get().wentBack)).toEqual([
      "2026-01-02T00:00:00.000Z",
      "2026-01-02T00:00:00.000Z",
    ]);
    expect(t.server.asked.filter((what) => /^join . 3 a$/.test(what)).length).toBe(2);
  });

  test("over which the server reports a reset reads the room again, and no other", async () => {
    const t = setUp();
    const chat = await t.open();
    t.server.store("lobby", "one");
    await pass();
    t.server.asked.length = 0;
    const [options] = jest.mocked(dial).mock.lastCall ?? [];
    options?.reset("unknown");
    options?.reset("lobby");
    await pass();
    expect([t.server.asked[0], texts(chat, "lobby")]).toEqual(["join lobby", ["one"]]);
    expect(t.server.asked.filter((what) => what.includes("unknown"))).toEqual([]);
  });
});

describe("a token", () => {
  test("that is no longer valid is reported, and another one replaces it", async () => {
    const t = setUp();
    const [old, fresh] = [1, 2].map((n) => tokenOf({ sub: "ann", exp: 4e9, rooms: ["*"], n }));
    if (old === undefined || fresh === undefined) throw new Error("no tokens");
    t.server.tokens = new Set([old]);
    const chat = await t.open({ client: "ann", token: old });
    expect(chat.link.get().is).toBe("live");
    t.server.tokens = new Set([fresh]);
    await chat.room("lobby")?.send("waits");
    t.server.cut();
    await pass(10_000);
    expect([chat.link.get(), chat.waiting.get()]).toEqual([{ is: "refused", text: "the token is not valid" }, 1]);
    chat.renew(fresh);
    await pass();
    expect([chat.link.get().is, chat.waiting.get(), t.server.log("lobby").length]).toEqual(["live", 0, 1]);
  });

  test("that is refused for a message ends the connection, and the message is sent with the next token", async () => {
    const t = setUp();
    const token = tokenOf({ sub: "ann", exp: 4e9, rooms: ["*"] });
    t.server.tokens = new Set([token]);
    const chat = await t.open({ client: "ann", token });
    t.server.tokens.clear();
    await chat.room("lobby")?.send("waits");
    await pass();
    expect([chat.link.get().is, chat.waiting.get()]).toEqual(["refused", 1]);
    t.server.tokens.add(token);
    chat.retry();
    await pass();
    expect([chat.link.get().is, chat.waiting.get()]).toEqual(["live", 0]);
  });

  test("that is valid after a refusal sends the waiting message over the next connection", async () => {
    const t = setUp();
    const token = tokenOf({ sub: "ann", exp: 4e9, rooms: ["*"] });
    const chat = await t.open({ client: "ann", token });
    t.server.before = async (what) => void (t.server.tokens = what.startsWith("POST") ? new Set() : null);
    await chat.room("lobby")?.send("waits");
    await flushPromises(); // only posting was refused, so the app connects again
    t.server.before = async () => {};
    t.server.tokens = null;
    await pass(1_000);
    expect([chat.link.get().is, chat.waiting.get(), t.server.asked.filter((what) => what === "dial").length]).toEqual([
      "live",
      0,
      2,
    ]);
  });

  test("needs a new connection, because a connection has the rights of its token", async () => {
    const t = setUp();
    const chat = await t.open({
      client: "ann",
      token: tokenOf({ sub: "ann", exp: 4e9, rooms: ["*"], publish: false }),
    });
    expect(chat.maySend.get()).toBe(false);
    chat.renew(tokenOf({ sub: "ann", exp: 4e9, rooms: ["*"] }));
    await pass(1_000);
    expect([chat.maySend.get(), chat.link.get().is, t.server.asked.filter((what) => what === "dial").length]).toEqual([
      true,
      "live",
      2,
    ]);
  });

  test("that one tab receives is used by all tabs", async () => {
    const t = setUp();
    const [old, fresh] = [1, 2].map((n) => tokenOf({ sub: "ann", exp: 4e9 + n, rooms: ["*"] })) as [string, string];
    t.server.tokens = new Set([old]);
    const sends = await t.open({ client: "ann", token: old });
    const other = await t.open({ client: "ann", token: old });
    t.server.tokens = new Set([fresh]);
    t.server.cut();
    await pass(1_000);
    expect([sends.link.get().is, other.link.get().is]).toEqual(["refused", "refused"]);
    other.renew(fresh);
    await other.room("lobby")?.send("hello");
    await pass(1_000);
    expect([sends.link.get().is, other.link.get().is, t.server.log("lobby").map((m) => m.msg)]).toEqual([
      "live",
      "live",
      ["hello"],
    ]);
  });

  test("that is older than another tab's does not replace it, and is replaced itself", async () => {
    const t = setUp();
    const [old, fresh] = [1, 2].map((n) => tokenOf({ sub: "ann", exp: 4e9 + n, rooms: ["*"] })) as [string, string];
    const first = await t.open({ client: "ann", token: fresh });
    const second = await t.open({ client: "ann", token: old }); // it has read the identity before the first has stored it
    await pass(1_000);
    expect([first.token.get(), second.token.get()]).toEqual([fresh, fresh]);
  });

  test("that the server accepts after it has refused a newer one is used by all tabs", async () => {
    const t = setUp();
    const [old, fresh] = [1, 2].map((n) => tokenOf({ sub: "ann", exp: 4e9 + n, rooms: ["*"] })) as [string, string];
    t.server.tokens = new Set([old]); // the newer one was revoked
    const first = await t.open({ client: "ann", token: fresh });
    const second = await t.open({ client: "ann", token: fresh });
    first.renew(old);
    await pass(1_000);
    expect([first, second].map((chat) => [chat.token.get(), chat.link.get().is])).toEqual([
      [old, "live"],
      [old, "live"],
    ]);
  });

  test("that is refused while a page is fetched ends the connection", async () => {
    const t = setUp();
    const token = tokenOf({ sub: "ann", exp: 4e9, rooms: ["*"] });
    t.server.tokens = new Set([token]);
    t.server.store("lobby", "x");
    t.server.before = async (what) => {
      if (what.startsWith("GET")) t.server.tokens = new Set();
    };
    const chat = await t.open({ client: "ann", token });
    await pass();
    expect(chat.link.get().is).toBe("refused");
  });
});

test("a failed message can be sent again or discarded", async () => {
  const t = setUp();
  const chat = await t.open();
  const room = chat.room("lobby");
  await room?.send("refuse this");
  await pass();
  expect(room?.timeline.get().outgoing).toMatchObject([
    { state: "failed", reason: { code: "invalid", text: "msg is not liked" } },
  ]);
  expect(chat.waiting.get()).toBe(0);
  chat.resend("own-1");
  await pass();
  expect(t.server.asked.filter((what) => what.startsWith("POST")).length).toBe(2);
  t.device.full = true;
  chat.discard("own-1");
  await pass();
  expect(room?.timeline.get().outgoing).toEqual([]);
  await expect(room?.send("a".repeat(maxBytes + 1))).rejects.toMatchObject({ trouble: "rejected" });
});

describe("a device that does not answer", () => {
  test("keeps neither the app from opening nor messages from being sent, and the app says so", async () => {
    const t = setUp();
    t.device.values.set("rooms", ["tea", "lobby"]);
    t.device.values.set("read:tea", 0);
    t.server.store("tea", "hello");
    t.device.hang();
    const opening = t.open();
    await pass(10_000);
    const chat = await opening;
    expect([chat.keeps.get(), chat.link.get().is]).toEqual([false, "live"]);
    void chat
      .room("lobby")
      ?.send("hi")
      .catch(() => undefined);
    await pass(10_000);
    expect(t.server.log("lobby").map((m) => m.msg)).toEqual(["hi"]);
    t.device.answer();
    await pass(30_000);
    expect([
      chat.keeps.get(),
      chat.rooms
        .get()
        .map((s) => s.name)
        .sort(),
    ]).toEqual([true, ["lobby", "tea"]]);
    expect([t.device.values.get("rooms"), t.device.values.get("read:tea"), t.device.box.size]).toEqual([
      ["tea", "lobby"],
      0,
      0,
    ]);
    await chat.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  test("is asked to keep the data once a message was sent, and not before", async () => {
    const t = setUp();
    const persist = jest.spyOn(t.platform, "persist");
    const chat = await t.open();
    await chat.room("lobby")?.send("refuse this");
    await pass();
    expect(persist).not.toHaveBeenCalled();
    for (const msg of ["a", "b"]) await chat.room("lobby")?.send(msg);
    await pass();
    expect(persist).toHaveBeenCalledTimes(1);
    expect(chat.events.text()).toContain("persist granted=false");
  });
});

describe("the end", () => {
  test("close keeps the data, and nothing continues to run", async () => {
    const t = setUp();
    const chat = await t.open();
    t.server.store("lobby", "x");
    await pass();
    await chat.close();
    t.server.store("lobby", "y");
    await pass(60_000);
    expect([chat.link.get().is, texts(chat, "lobby"), (await t.device.history("lobby", 9)).length]).toEqual([
      "closed",
      ["x"],
      1,
    ]);
    expect([t.connectivity.listeners, jest.getTimerCount()]).toEqual([0, 0]);
  });

  test("erase removes all data, and closes the other tabs", async () => {
    const t = setUp();
    const chat = await t.open();
    const other = await t.open();
    const erased = jest.fn();
    void other.erased.then(erased);
    t.server.store("lobby", "x");
    await pass();
    expect(erased).not.toHaveBeenCalled();
    await chat.erase();
    await pass();
    expect(erased).toHaveBeenCalled();
    t.server.store("lobby", "y");
    await pass(60_000);
    expect([t.device.logs.size, t.device.values.size, t.device.box.size, other.link.get().is]).toEqual([
      0,
      0,
      0,
      "closed",
    ]);
    expect([t.connectivity.listeners, jest.getTimerCount()]).toEqual([0, 0]);
  });
});
