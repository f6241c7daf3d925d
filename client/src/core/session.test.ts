import type { Platform } from "./device";
import { FakeDevice, FakeServer, FakeTabs, FakeConnectivity, flushPromises, tokenOf } from "./fakes";
import { dial } from "./hub";
import { Session, type Stage } from "./session";

jest.mock("./hub", () => ({ dial: jest.fn() }));

afterEach(() => jest.restoreAllMocks());

function setUp(change: Partial<Platform> = {}) {
  const server = new FakeServer();
  const devices = new Map<string, FakeDevice>();
  const tabs = new FakeTabs();
  const connectivity = new FakeConnectivity();
  const kept = new Map<string, string>();
  jest.spyOn(globalThis, "fetch").mockImplementation((url, init) => server.fetch(String(url), init));
  jest.mocked(dial).mockImplementation((o) => server.dial(o));
  const platform: Platform = {
    keyValues: {
      read: async (key) => kept.get(key) ?? null,
      write: async (key, value) => void (value === null ? kept.delete(key) : kept.set(key, value)),
    },
    connectivity,
    server: "http://s",
    negotiates: true,
    device: async (s, client) => {
      const device = devices.get(`${s} ${client}`) ?? new FakeDevice();
      devices.set(`${s} ${client}`, device);
      return device;
    },
    tabs: () => tabs.tab(),
    newID: () => "id",
    takeToken: () => null,
    persist: async () => false,
    unsent: async () => 0,
    erase: async () => {
      devices.clear();
      kept.clear();
    },
    ...change,
  };
  const opened: Session[] = [];
  const session = () => {
    const s = new Session(platform);
    opened.push(s);
    return s;
  };
  return { server, devices, connectivity, kept, session, opened };
}

let current: ReturnType<typeof setUp>;
function given(change: Partial<Platform> = {}) {
  return (current = setUp(change));
}
afterEach(async () => {
  for (const { stage } of current.opened) {
    const at = stage.get();
    if (at.is === "chat") await at.chat.close();
  }
});

/** Describes a stage, with the client's name for a chat. */
function at({ stage }: Session): Record<string, unknown> {
  const now: Stage = stage.get();
  return now.is === "chat" ? { is: "chat", client: now.chat.client } : { ...now };
}

const ann = tokenOf({ sub: "ann", exp: 4e9, rooms: ["*"] });
const bob = tokenOf({ sub: "bob", exp: 4e9, rooms: ["*"] });
const server = "http://s";

describe("start", () => {
  test("asks for a name or a token, or reports that the server does not answer", async () => {
    const t = given();
    const session = t.session();
    expect(at(session)).toEqual({ is: "opening" });
    await session.start();
    expect(at(session)).toEqual({ is: "name", server });
    t.server.tokens = new Set();
    await session.probe();
    expect(at(session)).toEqual({ is: "token", server });
    t.server.up = false;
    await session.probe();
    expect(at(session)).toEqual({ is: "unreachable", server });
    t.server.up = true;
    t.connectivity.events.emit();
    await flushPromises();
    expect(at(session)).toEqual({ is: "token", server });
  });

  test("continues as the last client, also without a network", async () => {
    const t = given();
    t.server.up = false;
    t.kept.set("identity", '{"client":"ann"}');
    const session = t.session();
    await session.start();
    expect(at(session)).toEqual({ is: "chat", client: "ann" });
  });

  test.each(["", "{", "null", "[]", '"ann"', '{"name":"ann"}', '{"client":{"id":1}}', '{"client":"a\\nb"}'])(
    "an identity stored by an old version as %j is ignored",
    async (kept) => {
      const t = given();
      t.kept.set("identity", kept);
      const session = t.session();
      await session.start();
      expect(at(session)).toEqual({ is: "name", server });
    },
  );

  test("works without storage", async () => {
    const fails = () => Promise.reject(new Error("denied"));
    given({ keyValues: { read: fails, write: fails } });
    const session = current.session();
    await session.start();
    await session.enterName("ann");
    expect(at(session)).toEqual({ is: "chat", client: "ann" });
    await session.signOut();
    expect(at(session)).toEqual({ is: "name", server });
  });

  test("takes the token from the address before it waits for anything", async () => {
    const takeToken = jest.fn(() => ann);
    const t = given({ takeToken });
    t.kept.set("identity", '{"client":"bob"}');
    const session = t.session();
    const starting = session.start();
    expect(takeToken).toHaveBeenCalledTimes(1);
    await starting;
    expect(at(session)).toEqual({ is: "chat", client: "bob" }); // until the user has answered, see session.people.test.ts
  });

  test("reports the problem of the token in the address", async () => {
    given({ takeToken: () => "nonsense" });
    const session = current.session();
    await session.start();
    expect(at(session)).toEqual({ is: "token", server, problem: "not a token" });
  });
});

describe("a server", () => {
  const native = { server: null };

  test("is asked for if none is known, and stored", async () => {
    const t = given(native);
    const session = t.session();
    await session.start();
    expect(at(session)).toEqual({ is: "server" });
    await session.enterServer(" chat.example.org/path ");
    expect(at(session)).toEqual({ is: "name", server: "https://chat.example.org" });
    expect(t.kept.get("server")).toBe("https://chat.example.org");
    const later = t.session();
    await later.start();
    expect(at(later)).toEqual({ is: "name", server: "https://chat.example.org" });
  });

  test.each([
    ["localhost:8080", "http://localhost:8080"],
    ["192.168.1.5:8080", "http://192.168.1.5:8080"],
    ["[::1]:8080/", "http://[::1]:8080"],
    ["pi", "http://pi"],
    ["pi.local", "http://pi.local"],
    ["example.org", "https://example.org"],
    ["HTTPS://Example.org:443", "https://example.org"],
    ["https://ann:secret@example.org/?x#y", "https://example.org"],
  ])("%s is %s", async (text, origin) => {
    given(native);
    const session = current.session();
    await session.start();
    await session.enterServer(text);
    expect(at(session)).toEqual({ is: "name", server: origin });
  });

  test.each([
    "",
    " ",
    "ftp://example.org",
    "javascript:alert(1)",
    "file:///etc",
    "https://",
    "a b",
    "http://[",
    "ws://example.org",
  ])("%j is not an address", async (text) => {
    given(native);
    const session = current.session();
    await session.start();
    await session.enterServer(text);
    expect(at(session)).toEqual({ is: "server", problem: "not an address" });
  });

  test.each(["http://example.org", "http://8.8.8.8:8080", "http://100.64.0.1", "http://server.internal"])(
    "%s is refused, because anybody on the way could read along",
    async (text) => {
      const t = given(native);
      const fetched = jest.spyOn(globalThis, "fetch");
      const session = t.session();
      await session.start();
      await session.enterServer(text);
      expect(at(session)).toEqual({ is: "server", problem: "not encrypted" });
      expect([fetched.mock.calls, t.kept.size]).toEqual([[], 0]);
    },
  );

  test("that an earlier version accepted without encryption is refused at the start", async () => {
    const t = given(native);
    t.kept.set("server", "http://example.org").set("identity", '{"client":"ann"}');
    const fetched = jest.spyOn(globalThis, "fetch");
    const session = t.session();
    await session.start();
    expect(at(session)).toEqual({ is: "server", problem: "not encrypted" });
    expect(fetched).not.toHaveBeenCalled();
  });

  test("is the page's own on the web, encrypted or not", async () => {
    const session = given({ server: "http://example.org" }).session();
    await session.start();
    expect(at(session)).toEqual({ is: "name", server: "http://example.org" });
  });

  test("is changed for another one only if that one answers", async () => {
    const t = given(native);
    const session = t.session();
    await session.start();
    await session.enterServer("pi");
    await session.enterName("ann");
    await expect(session.changeServer("http://example.org")).resolves.toBe("not encrypted");
    t.server.up = false;
    await expect(session.changeServer("https://example.org")).resolves.toBe("no answer");
    expect([at(session).is, t.kept.get("server")]).toEqual(["chat", "http://pi"]);
    t.server.up = true;
    await expect(session.changeServer("https://example.org")).resolves.toBeNull();
    expect(at(session)).toEqual({ is: "name", server: "https://example.org" });
    expect([t.kept.get("server"), t.kept.has("identity")]).toEqual(["https://example.org", false]);
  });

  test("that redirects is not followed", async () => {
    const t = given(native);
    const fetched = jest.spyOn(globalThis, "fetch");
    const session = t.session();
    await session.start();
    await session.enterServer("pi");
    expect(fetched.mock.calls.map(([, init]) => init?.redirect)).toEqual(["error"]);
  });

  test("that does not answer is not stored", async () => {
    const t = given(native);
    t.server.up = false;
    const session = t.session();
    await session.start();
    const seen: string[] = [];
    session.stage.subscribe(() => seen.push(session.stage.get().is));
    await session.enterServer("example.org");
    expect([at(session), seen, t.kept.size]).toEqual([{ is: "server", problem: "no answer" }, ["server"], 0]);
  });
});

describe("a name", () => {
  test("is trimmed, checked, and stored", async () => {
    const t = given();
    const session = t.session();
    await session.start();
    await session.enterName(" \n");
    expect(at(session)).toEqual({ is: "name", server, problem: "not a name" });
    await session.enterName("\u3000Ann B. \ufeff");
    expect(at(session)).toEqual({ is: "chat", client: "Ann B." });
    expect(t.kept.get("identity")).toBe('{"client":"Ann B."}');
  });

  test("that is entered twice opens one chat", async () => {
    const t = given();
    const session = t.session();
    await session.start();
    const chats = new Set<unknown>();
    session.stage.subscribe(() => chats.add(session.stage.get().is === "chat" ? session.stage.get() : null));
    await Promise.all([session.enterName("ann"), session.enterName("ann")]);
    expect([...chats].filter((chat) => chat !== null).length).toBe(1);
  });
});

describe("a token", () => {
  test("is checked by the server", async () => {
    const t = given();
    t.server.tokens = new Set([ann]);
    const session = t.session();
    await session.start();
    await expect(session.enterToken("nonsense")).resolves.toBe("not a token");
    await expect(session.enterToken(bob)).resolves.toBe("not accepted");
    expect(at(session)).toEqual({ is: "token", server, problem: "not accepted" });
    await expect(session.enterToken(tokenOf({ sub: "ann", exp: 1 }))).resolves.toBe("expired");
    expect(at(session)).toEqual({ is: "token", server, problem: "expired" });
    await expect(session.enterToken(` Bearer ${ann}\n`)).resolves.toBeNull();
    expect(at(session)).toEqual({ is: "chat", client: "ann" });
  });

  test("is not accepted while the server is away, because nobody has checked it", async () => {
    const t = given();
    t.server.up = false;
    const session = t.session();
    await session.start();
    await expect(session.enterToken(ann)).resolves.toBe("not checked");
    expect(at(session)).toEqual({ is: "token", server, problem: "not checked" });
    t.server.up = true;
    await session.enterToken(ann);
    expect(at(session)).toEqual({ is: "chat", client: "ann" });
  });

  test("of the same client continues the same chat; a bad one changes nothing", async () => {
    const t = given();
    t.server.tokens = new Set([ann]);
    const session = t.session();
    await session.start();
    await session.enterToken(ann);
    const before = session.stage.get();
    const fresh = tokenOf({ sub: "ann", exp: 4e9, rooms: ["*"], n: 2 });
    await expect(session.enterToken(fresh)).resolves.toBe("not accepted");
    t.server.tokens.add(fresh);
    await session.enterToken(fresh);
    expect(session.stage.get()).toBe(before);
    expect(JSON.parse(t.kept.get("identity") ?? "")).toEqual({ client: "ann", token: fresh });
  });

  test("of another client opens another chat when the user agrees", async () => {
    const t = given();
    const session = t.session();
    await session.start();
    await session.enterToken(ann);
    const before = session.stage.get();
    await session.enterToken(bob);
    expect(at(session)).toEqual({ is: "chat", client: "ann" });
    const offer = session.offer.get();
    await (offer?.is === "question" ? offer.accept() : undefined);
    expect(at(session)).toEqual({ is: "chat", client: "bob" });
    expect(before.is === "chat" && before.chat.link.get().is).toBe("closed");
    expect([...t.devices.keys()]).toEqual(["http://s ann", "http://s bob"]);
  });
});

test("key values that do not answer do not keep the app from asking who one is", async () => {
  jest.useFakeTimers();
  const never = new Promise<never>(() => {});
  const session = given({ keyValues: { read: () => never, write: () => never } }).session();
  const started = session.start();
  await jest.advanceTimersByTimeAsync(30_000);
  await started;
  expect(at(session)).toEqual({ is: "name", server });
  const entered = session.enterName("ann");
  await jest.advanceTimersByTimeAsync(30_000);
  await entered;
  expect(at(session)).toEqual({ is: "chat", client: "ann" });
  jest.useRealTimers();
});

describe("signing out", () => {
  test("removes the client's data, on the web and on a phone", async () => {
    for (const [known, next] of [
      [server, { is: "name", server }],
      [null, { is: "server" }],
    ] as const) {
      const t = given({ server: known });
      t.kept.set("server", server);
      t.kept.set("identity", '{"client":"ann"}');
      const session = t.session();
      await session.start();
      const stage = session.stage.get();
      if (stage.is !== "chat") throw new Error("no chat is open");
      stage.chat.join("tea");
      await flushPromises();
      await session.signOut();
      expect([at(session), t.kept.has("identity"), t.devices.size]).toEqual([next, false, 0]);
    }
  });

  test("does so in all tabs", async () => {
    const t = given();
    const [a, b] = [t.session(), t.session()];
    await a.start();
    await a.enterName("ann");
    await b.start();
    expect(at(b)).toEqual({ is: "chat", client: "ann" });
    await a.signOut();
    await flushPromises();
    expect([at(a), at(b)]).toEqual([
      { is: "name", server },
      { is: "name", server },
    ]);
  });
});

test("a late answer of the server changes nothing", async () => {
  const t = given();
  t.server.up = false;
  const session = t.session();
  await session.start();
  let answer = () => {};
  t.server.before = () => new Promise((resolve) => (answer = resolve));
  const probing = session.probe();
  await flushPromises();
  t.server.before = async () => {};
  t.server.up = true;
  await session.enterToken(ann);
  answer();
  await probing;
  expect(at(session)).toEqual({ is: "chat", client: "ann" });
});
