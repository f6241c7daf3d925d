import { flushPromises, tokenOf } from "./fakes";
import { chatOf, questionOf, setUpPeople } from "./session.fakes";

jest.mock("./hub", () => ({ dial: jest.fn() }));

let current: ReturnType<typeof setUpPeople>;
afterEach(async () => {
  await current.close();
  jest.restoreAllMocks();
});

const token = (sub: string, claims: Record<string, unknown> = {}) =>
  tokenOf({ sub, exp: 4e9, iat: 1_000, rooms: ["*"], ...claims });
const ann = token("ann");
const bob = token("bob");

/** A browser on which ann is signed in, and a server that knows ann and bob. */
function given() {
  current = setUpPeople();
  current.server.tokens = new Set([ann, bob]);
  current.shared.set("identity", JSON.stringify({ client: "ann", token: ann }));
  return current;
}

const last = () => JSON.parse(current.shared.get("identity") ?? "null") as unknown;

/** Ann is signed in, a message of hers waits because posts are cut off, and a link offers to go on as Bob. */
async function offeredWithUnsent() {
  const t = given();
  t.server.before = (what) => (what.startsWith("POST") ? Promise.reject(new TypeError("cut")) : Promise.resolve());
  const opened = await t.open();
  await chatOf(opened.session).room("lobby")?.send("of ann");
  opened.follow(bob);
  await flushPromises();
  return { t, ...opened };
}

describe("a link of somebody else", () => {
  test("asks after the server's yes, and nothing changes until the answer", async () => {
    const t = given();
    const { session } = await t.open(undefined, bob);
    expect(questionOf(session)).toMatchObject({ now: "ann", client: "bob", unsent: 0, keeps: true });
    expect([chatOf(session).client, chatOf(session).token.get(), last()]).toEqual([
      "ann",
      ann,
      { client: "ann", token: ann },
    ]);
    expect([...t.devices.keys()]).toEqual(["ann"]);
  });

  test("changes nothing after a no", async () => {
    const t = given();
    const { session } = await t.open(undefined, bob);
    const chat = chatOf(session);
    const { accept } = questionOf(session);
    session.dismiss();
    await accept(); // a press that comes late
    expect([session.offer.get(), chatOf(session), last()]).toEqual([null, chat, { client: "ann", token: ann }]);
  });

  test("signs in after a yes; what waited is sent when the first person is back", async () => {
    const { t, session } = await offeredWithUnsent();
    expect(questionOf(session).unsent).toBe(1);
    await questionOf(session).accept();
    expect([chatOf(session).client, last()]).toEqual(["bob", { client: "bob", token: bob }]);
    t.server.before = async () => {};
    await session.enterToken(ann);
    await questionOf(session).accept();
    await flushPromises();
    expect(t.server.log("lobby").map((m) => [m.client_id, m.msg])).toEqual([["ann", "of ann"]]);
  });

  test.each([
    ["is not a token", "nonsense", "not a token"],
    ["is not signed by the server", token("bob", { n: 2 }), "not accepted"],
    ["has expired", token("bob", { exp: 1 }), "expired"],
  ])("that %s is only told", async (_, link, problem) => {
    const t = given();
    const { session } = await t.open(undefined, link);
    expect([session.offer.get(), chatOf(session).client, last()]).toEqual([
      { is: "refused", now: "ann", problem },
      "ann",
      { client: "ann", token: ann },
    ]);
    session.dismiss();
    expect(session.offer.get()).toBeNull();
  });

  test("while the server is away changes nothing, and asks when it answers", async () => {
    const t = given();
    t.server.up = false;
    const { session } = await t.open(undefined, bob);
    expect([session.offer.get(), chatOf(session).client]).toEqual([
      { is: "unchecked", now: "ann", client: "bob" },
      "ann",
    ]);
    t.server.up = true;
    chatOf(session).retry();
    await flushPromises();
    expect([questionOf(session).client, chatOf(session).client]).toEqual(["bob", "ann"]);
  });

  test("that was dismissed while the server was away does not come back", async () => {
    const t = given();
    t.server.up = false;
    const { session } = await t.open(undefined, bob);
    session.dismiss();
    t.server.up = true;
    chatOf(session).retry();
    await flushPromises();
    expect([session.offer.get(), chatOf(session).client]).toEqual([null, "ann"]);
  });

  test("also asks when its token is typed", async () => {
    const t = given();
    const { session } = await t.open();
    await expect(session.enterToken(bob)).resolves.toBeNull();
    expect([questionOf(session).client, chatOf(session).client]).toEqual(["bob", "ann"]);
  });

  test("also asks somebody who has signed in with a name only", async () => {
    const t = given();
    t.server.tokens = null;
    t.shared.set("identity", '{"client":"ann"}');
    const { session } = await t.open(undefined, bob);
    expect([questionOf(session).client, chatOf(session).client]).toEqual(["bob", "ann"]);
  });
});

describe("a link of the same person", () => {
  const newer = token("ann", { iat: 2_000 });
  const older = token("ann", { iat: 500, exp: 5e9 });

  test("renews without a question", async () => {
    const t = given();
    t.server.tokens?.add(newer);
    const { session, tab } = await t.open(undefined, newer);
    expect([session.offer.get(), chatOf(session).token.get()]).toEqual([null, newer]);
    const identity = { client: "ann", token: newer };
    expect([last(), JSON.parse(tab.get("tab.identity") ?? "")]).toEqual([identity, identity]);
  });

  test("with an older token changes nothing, though the server accepts it", async () => {
    const t = given();
    t.server.tokens?.add(older);
    const { session } = await t.open(undefined, older);
    expect([session.offer.get(), chatOf(session).token.get(), last()]).toEqual([
      null,
      ann,
      { client: "ann", token: ann },
    ]);
  });

  test("with an older token counts when the server refuses the newer one", async () => {
    const t = given();
    t.server.tokens = new Set([older]);
    const { session, follow } = await t.open();
    await flushPromises();
    expect(chatOf(session).link.get().is).toBe("refused");
    follow(older);
    await flushPromises();
    expect([chatOf(session).token.get(), chatOf(session).link.get().is]).toEqual([older, "live"]);
  });

  test("that the server refuses changes nothing", async () => {
    const t = given();
    const { session } = await t.open(undefined, newer);
    expect([session.offer.get(), chatOf(session).token.get()]).toEqual([
      { is: "refused", now: "ann", problem: "not accepted" },
      ann,
    ]);
  });

  test("while the server is away changes nothing until it answers", async () => {
    const t = given();
    t.server.up = false;
    const { session } = await t.open(undefined, newer);
    expect(chatOf(session).token.get()).toBe(ann);
    t.server.tokens?.add(newer);
    t.server.up = true;
    chatOf(session).retry();
    await flushPromises();
    expect([session.offer.get(), chatOf(session).token.get()]).toEqual([null, newer]);
  });
});

describe("a link while nobody is signed in", () => {
  const empty = () => {
    const t = given();
    t.shared.clear();
    return t;
  };

  test("signs in with the server's yes", async () => {
    const t = empty();
    const { session } = await t.open(undefined, bob);
    expect([chatOf(session).client, last()]).toEqual(["bob", { client: "bob", token: bob }]);
  });

  test("without it asks for another token", async () => {
    const t = empty();
    const { session } = await t.open(undefined, token("eve"));
    expect(session.stage.get()).toMatchObject({ is: "token", problem: "not accepted" });
  });

  test("is kept while the server is away, and can be forgotten", async () => {
    const t = empty();
    t.server.up = false;
    const first = await t.open(undefined, bob);
    const second = await t.open(undefined, bob);
    for (const { session } of [first, second])
      expect(session.stage.get()).toEqual({ is: "unchecked", server: "http://s", client: "bob" });
    second.session.dismiss();
    t.server.up = true;
    t.connectivity.events.emit();
    await flushPromises();
    expect(chatOf(first.session).client).toBe("bob");
    expect(second.session.stage.get()).toMatchObject({ is: "token" });
  });
});

describe("two people in two tabs of one browser", () => {
  async function both() {
    const t = given();
    const one = await t.open();
    const two = await t.open(undefined, bob);
    await questionOf(two.session).accept();
    return { t, one, two };
  }
  const clients = (...tabs: { session: Parameters<typeof chatOf>[0] }[]) =>
    tabs.map((tab) => chatOf(tab.session).client);

  test("work side by side, and each tab reloads as who it was", async () => {
    const { t, one, two } = await both();
    expect(clients(one, two)).toEqual(["ann", "bob"]);
    await chatOf(one.session).room("lobby")?.send("of ann");
    await chatOf(two.session).room("lobby")?.send("of bob");
    await flushPromises();
    expect(t.server.log("lobby").map((m) => `${m.msg} by ${m.client_id}`)).toEqual(["of ann by ann", "of bob by bob"]);
    expect(clients(await t.open(one.tab), await t.open(two.tab))).toEqual(["ann", "bob"]);
  });

  test("a new tab begins as the last one who has signed in", async () => {
    const { t } = await both();
    expect(clients(await t.open())).toEqual(["bob"]);
  });

  test("a renewed token is that of the tab, and not of the device's last person", async () => {
    const { t, one } = await both();
    const newer = token("ann", { iat: 2_000 });
    t.server.tokens?.add(newer);
    await one.session.enterToken(newer);
    expect(last()).toEqual({ client: "bob", token: bob });
    expect(chatOf((await t.open(one.tab)).session).token.get()).toBe(newer);
  });

  test("the sign-out of one leaves the other's tab as it is", async () => {
    const { t, one, two } = await both();
    const again = await t.open(one.tab); // another tab of ann
    await one.session.signOut();
    await flushPromises();
    expect([one.session.stage.get().is, again.session.stage.get().is]).toEqual(["token", "token"]);
    expect(clients(two, await t.open(two.tab))).toEqual(["bob", "bob"]);
    expect((await t.open(one.tab)).session.stage.get().is).toBe("token");
    expect((await t.open()).session.stage.get().is).toBe("token");
    expect([...t.shared.keys(), ...one.tab.keys()]).toEqual([]);
  });
});

test("the unsent messages of everybody on this device are counted before a sign-out", async () => {
  const { t, session } = await offeredWithUnsent();
  await questionOf(session).accept();
  await chatOf(session).room("lobby")?.send("of bob");
  await flushPromises();
  expect(await session.unsent()).toBe(2);
  await session.signOut();
  expect([...t.devices.keys()]).toEqual([]);
});

test("a device that does not answer does not keep anybody from signing out", async () => {
  const t = given();
  const { session } = await t.open();
  jest.useFakeTimers();
  const never = () => new Promise<never>(() => {});
  Object.assign(t.platforms.at(-1) ?? {}, { unsent: never, erase: never });
  const counted = session.unsent();
  await flushPromises();
  jest.advanceTimersByTime(5_000);
  expect(await counted).toBe(0);
  const out = session.signOut();
  for (let second = 0; second < 30; second++) {
    await flushPromises();
    jest.advanceTimersByTime(1_000);
  }
  await out;
  jest.useRealTimers();
  expect([session.stage.get().is, t.shared.has("identity")]).toEqual(["token", false]);
});

test("a chat that cannot be opened is told, and can be tried again", async () => {
  const t = given();
  const { session } = await t.open();
  await session.signOut();
  const failing = jest.spyOn(t.channels, "get").mockImplementation(() => {
    throw new TypeError("no");
  });
  await session.enterToken(ann);
  expect(session.stage.get()).toEqual({ is: "failed", failures: 1 });
  await session.start();
  expect(session.stage.get()).toEqual({ is: "failed", failures: 2 });
  expect(session.events.text()).toMatch(/ open TypeError /);
  failing.mockRestore();
  await session.start();
  expect(chatOf(session).client).toBe("ann");
});
