import type { Arrival, Chat } from "./chat";
import { pass, setUp } from "./chat.fakes";
import { Failure } from "./failure";
import { messages } from "./fakes";
import { problem } from "./fakes.server";

jest.mock("./hub", () => ({ dial: jest.fn() }));

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2), doNotFake: ["queueMicrotask"] }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

const nameOf = (n: number) => `room-${String(n).padStart(3, "0")}`;
const of = (chat: Chat, name: string) => chat.rooms.get().find((s) => s.name === name);

/** A client that is in many rooms, each of which has a message. On a second visit the device has all of them. */
async function many(count: number, { visited = false } = {}) {
  const t = setUp();
  t.server.epoch = "e";
  const names = Array.from({ length: count }, (_, n) => nameOf(n));
  await t.device.set("rooms", names);
  for (const name of names) {
    t.server.store(name, `hello in ${name}`);
    if (!visited) continue;
    await t.device.begin(name, "e");
    await t.device.keep(name, t.server.log(name), [], "e");
    await t.device.set(`read:${name}`, 1);
  }
  const joins = () => t.server.asked.filter((what) => what.startsWith("join ")).map((what) => what.split(" ")[1] ?? "");
  return { ...t, names, joins };
}

describe("500 rooms", () => {
  test("are read from the device with one call, and shown in few updates", async () => {
    const t = await many(500, { visited: true });
    t.server.mostJoined = 1_000;
    t.device.calls.length = 0;
    const chat = await t.open();
    const changed = jest.fn();
    chat.rooms.subscribe(changed);
    await pass(5_000);
    expect(t.device.calls.filter((call) => call === "rooms" || call === "history")).toEqual(["rooms"]);
    expect(chat.rooms.get().filter((s) => s.newest !== null && s.watched).length).toBe(500);
    expect(changed.mock.calls.length).toBeLessThan(100); // at most once a frame
    const before = chat.rooms.get();
    for (const name of t.names) t.server.store(name, "again");
    changed.mockClear();
    await pass(100);
    expect(changed.mock.calls.length).toBeLessThanOrEqual(4);
    expect(chat.rooms.get().every((s) => s.unread === 1)).toBe(true);
    expect(chat.rooms.get()).not.toBe(before);
    await chat.close();
  });

  test("need one join each when nothing has changed, a few at a time, the opened one first and alone", async () => {
    const t = await many(500, { visited: true });
    t.server.mostJoined = 1_000;
    t.server.up = false;
    const chat = await t.open();
    chat.prefer(nameOf(250));
    let [running, most] = [0, 0];
    const alone: string[] = [];
    t.server.before = async (what) => {
      if (!what.startsWith("join ")) return;
      most = Math.max(most, ++running);
      if (alone.length === 0) alone.push(what, String(running));
      await new Promise((resolve) => setTimeout(resolve, 10));
      running--;
    };
    t.server.up = true;
    t.server.asked.length = 0;
    chat.retry();
    await pass(50);
    expect(alone).toEqual([`join ${nameOf(250)}`, "1"]);
    await pass(10_000);
    expect([t.joins().length, new Set(t.joins()).size, most]).toEqual([500, 500, 8]);
    await chat.close();
  });

  test("do not wait for the opened one if that takes long", async () => {
    const t = await many(20, { visited: true });
    t.server.up = false;
    const chat = await t.open();
    chat.prefer(nameOf(7));
    t.server.before = (what) => (what === `join ${nameOf(7)}` ? new Promise(() => {}) : Promise.resolve());
    t.server.up = true;
    chat.retry();
    await pass(4_000);
    expect([new Set(t.joins()).size, chat.link.get().is]).toEqual([20, "live"]);
    await chat.close();
  });

  test("are paused, not given up, when the server limits the calls", async () => {
    const t = await many(100, { visited: true });
    let left = 30;
    t.server.before = async (what) => {
      if (what.startsWith("join ") && left-- <= 0) throw new Failure("later", "slow down", 1_000, "rate_limited");
    };
    const refill = setInterval(() => (left = 30), 1_000);
    const chat = await t.open();
    await pass(15_000);
    clearInterval(refill);
    const refused = t.joins().length - 100;
    expect(refused).toBeLessThan(60); // not every room at once, again and again
    t.server.asked.length = 0;
    for (const name of t.names) t.server.store(name, "again");
    await pass(500);
    expect(chat.rooms.get().filter((s) => s.unread === 1).length).toBe(100);
    await chat.close();
  });
});

describe("more rooms than a connection may join", () => {
  async function crowded(count = 30, most = 20) {
    const t = await many(count);
    t.server.mostJoined = most;
    const chat = await t.open();
    await pass(3_000);
    const unwatched = () => chat.rooms.get().flatMap((s) => (s.watched ? [] : [s.name]));
    const polls = () => t.server.asked.filter((what) => what.startsWith("GET /rooms?name="));
    return { ...t, chat, unwatched, polls };
  }

  test("are said to be not watched, not refused, and their numbers are asked for in one request", async () => {
    const t = await crowded();
    expect(t.unwatched().length).toBe(10);
    expect(t.polls().length).toBe(1);
    for (const name of t.names) {
      expect(t.chat.room(name)?.timeline.get()).toMatchObject({ refused: null, last: 1, read: 1 });
      expect(of(t.chat, name)?.newest?.msg).toBe(`hello in ${name}`);
    }
    await t.chat.close();
  });

  test("show what is new within a minute", async () => {
    const t = await crowded();
    const [name = ""] = t.unwatched();
    t.server.store(name, "news for @ann");
    await pass(60_000);
    expect(of(t.chat, name)).toMatchObject({
      unread: 1,
      mentions: 1,
      watched: false,
      newest: { msg: "news for @ann" },
    });
    await t.chat.close();
  });

  test("always have a place for the opened one: the one that was looked at least recently gives it", async () => {
    const t = await crowded();
    const opened: string[] = [];
    for (let n = 0; n < 10; n++) {
      const [name = ""] = t.unwatched();
      opened.push(name);
      t.chat.prefer(name);
      const close = t.chat.room(name)?.open();
      await pass(200);
      t.server.store(name, "live");
      await pass(200);
      expect(t.chat.room(name)?.timeline.get().messages.at(-1)?.msg).toBe("live");
      close?.();
      expect(t.unwatched().length).toBe(10);
    }
    expect(new Set(opened).size).toBe(10); // none of the recent ones was given up
    expect(opened.filter((name) => t.unwatched().includes(name))).toEqual([]);
    await t.chat.close();
  });

  test("of which one is left: another one takes its place", async () => {
    const t = await crowded();
    const watched = t.names.find((name) => !t.unwatched().includes(name)) ?? "";
    t.chat.leave(watched);
    await pass(500);
    expect(t.unwatched().length).toBe(9);
    await t.chat.close();
  });

  test("are asked for less often while the server limits requests", async () => {
    const t = await crowded();
    const answer = t.server.fetch;
    jest
      .spyOn(globalThis, "fetch")
      .mockImplementation((url, init) =>
        String(url).includes("name=")
          ? (t.server.asked.push(`GET ${String(url).slice("http://s".length)}`),
            Promise.resolve(problem(429, "rate_limited", "slow down", undefined, { "Retry-After": "120" })))
          : answer(String(url), init),
      );
    t.server.asked.length = 0;
    await pass(600_000);
    expect(t.polls().length).toBeGreaterThan(2);
    expect(t.polls().length).toBeLessThanOrEqual(6);
    await t.chat.close();
  });

  test("whose log is another one are joined once, to go back", async () => {
    const t = await crowded();
    const [name = ""] = t.unwatched();
    t.server.log(name).splice(0, 1, ...messages(1, 1, { room: name, id: "another" }));
    await pass(60_000);
    expect(t.chat.room(name)?.timeline.get()).toMatchObject({ last: 1, refused: null });
    t.server.store(name, "news");
    await pass(150_000);
    expect(
      t.chat
        .room(name)
        ?.timeline.get()
        .messages.map((m) => m.id),
    ).toEqual([`id-${name}-2`]);
    await t.chat.close();
  });

  test("on a server of an earlier version, which ignores names, are asked for one by one", async () => {
    const t = await many(30);
    t.server.mostJoined = 20;
    const answer = t.server.fetch;
    jest
      .spyOn(globalThis, "fetch")
      .mockImplementation((url, init) => answer(String(url).replace(/\?name=.*/, "?limit=100"), init));
    const chat = await t.open();
    await pass(3_000);
    expect(chat.rooms.get().filter((s) => s.newest !== null && s.unread === 0).length).toBe(30);
    expect(chat.events.text()).toContain("outdated-server");
    await chat.close();
  });
});

describe("arrivals", () => {
  test("are the messages of others that come while the app is running, not the history", async () => {
    const t = setUp();
    await t.device.set("rooms", ["a", "b"]);
    for (const room of ["a", "b"]) t.server.store(room, "before");
    const chat = await t.open();
    const arrivals: Arrival[] = [];
    const off = chat.arrivals.subscribe((arrival) => arrivals.push(arrival));
    await pass(1_000);
    expect(arrivals).toEqual([]);
    chat.setLevel("b", "mentions");
    t.server.store("a", "hello");
    t.server.store("b", "hello @ann");
    t.server.store("b", "mine", "p1", "ann");
    await pass();
    expect(arrivals.map(({ message, mention, level }) => [message.room, message.msg, mention, level])).toEqual([
      ["a", "hello", false, "all"],
      ["b", "hello @ann", true, "mentions"],
    ]);
    t.server.up = false;
    t.server.cut();
    t.server.store("a", "while the connection was away");
    t.server.up = true;
    await pass(60_000);
    expect(arrivals.slice(2).map(({ message }) => message.msg)).toEqual(["while the connection was away"]);
    off();
    t.server.store("a", "nobody listens");
    await pass();
    expect(arrivals.length).toBe(3);
    await chat.close();
  });

  test("of rooms that are not watched come with their numbers", async () => {
    const t = await many(6);
    t.server.mostJoined = 3;
    const chat = await t.open();
    const arrivals: string[] = [];
    chat.arrivals.subscribe(({ message }) => arrivals.push(message.msg));
    await pass(3_000);
    expect(arrivals).toEqual([]);
    for (const name of t.names) t.server.store(name, `news in ${name}`);
    await pass(60_000);
    expect(arrivals.sort()).toEqual(t.names.map((name) => `news in ${name}`));
    await chat.close();
  });
});

describe("a search on the server", () => {
  test("finds by the beginning of a name, and says whether that is all", async () => {
    const t = await many(150);
    t.server.store("tea", "x");
    const chat = await t.open();
    expect(await chat.search("room-00")).toMatchObject({ complete: true });
    expect((await chat.search("room-00")).rooms.map(({ name }) => name)).toEqual(t.names.slice(0, 10));
    const part = await chat.search("room-");
    expect([part.rooms.length, part.complete]).toEqual([100, false]);
    expect(await chat.search("No name")).toEqual({ rooms: [], complete: true });
    await chat.close();
  });

  test("on a server of an earlier version is made from the list of all rooms", async () => {
    const t = await many(20);
    t.server.store("tea", "x");
    const answer = t.server.fetch;
    jest
      .spyOn(globalThis, "fetch")
      .mockImplementation((url, init) => answer(String(url).replace(/prefix=[^&]*&?/, ""), init));
    const chat = await t.open();
    const found = await chat.search("te");
    expect([found.rooms.map(({ name }) => name), found.complete]).toEqual([["tea"], true]);
    await chat.close();
  });
});

test("what cannot be read from the device is read later, by itself", async () => {
  const t = setUp();
  await t.device.set("rooms", ["tea", "garden"]);
  await t.device.set("read:tea", 3);
  t.server.log("tea").push(...messages(1, 5, { room: "tea" }));
  t.device.full = true;
  const chat = await t.open();
  expect(chat.rooms.get().map((s) => s.name)).toEqual(["lobby"]); // a guess
  chat.join("new");
  await pass(1_000);
  t.device.full = false;
  await pass(10_000);
  expect(
    chat.rooms
      .get()
      .map((s) => s.name)
      .sort(),
  ).toEqual(["garden", "new", "tea"]);
  expect(of(chat, "tea")).toMatchObject({ unread: 2 });
  expect([t.device.values.get("rooms"), t.device.values.get("read:tea")]).toEqual([["tea", "garden", "new"], 3]);
  await chat.close();
});
