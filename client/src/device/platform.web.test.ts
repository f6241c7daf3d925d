import "fake-indexeddb/auto";

import { IDBFactory } from "fake-indexeddb";
import { openDB } from "idb";

import type { Platform } from "../core/device";

jest.mock("./id", () => jest.requireActual("./id.web"));
jest.mock("./keyvalues", () => jest.requireActual("./keyvalues.web"));
jest.mock("./tabs", () => jest.requireActual("./tabs.web"));
jest.mock("./connectivity", () => jest.requireActual("./connectivity.web"));

/** A page that was opened at an address. replaced is its address afterwards. */
function page(address: string) {
  const { origin, pathname, search, hash } = new URL(address);
  const location = { origin, pathname, search, hash };
  const replaced: string[] = [];
  const history = {
    replaceState: (_: unknown, __: string, to: string) => (
      replaced.push(to),
      (location.hash = new URL(to, address).hash)
    ),
  };
  for (const [name, value] of Object.entries({ location, history }))
    Object.defineProperty(globalThis, name, { configurable: true, value });
  let follow = (_: string) => {};
  const addEventListener = (_: string, listener: (event: { oldURL: string }) => void) =>
    (follow = (hash) => {
      location.hash = hash;
      listener({ oldURL: address });
    });
  Object.defineProperty(globalThis, "window", { configurable: true, value: { addEventListener } });
  type Module = { readonly platform: Platform; readonly listenForTokens: () => void };
  let loaded: Module | undefined;
  jest.isolateModules(() => (loaded = jest.requireActual<Module>("./platform.web")));
  if (loaded === undefined) throw new Error("the platform was not loaded");
  loaded.listenForTokens();
  return { platform: loaded.platform, replaced, follow: (hash: string) => follow(hash) };
}

/** A Storage whose values are its properties, as in a browser. */
class FakeStorage {
  getItem(key: string): string | null {
    return (this as unknown as Record<string, string>)[key] ?? null;
  }
  setItem(key: string, value: string): void {
    Object.assign(this, { [key]: value });
  }
  removeItem(key: string): void {
    Reflect.deleteProperty(this, key);
  }
}

const flush = () => new Promise(setImmediate);

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
  for (const name of ["localStorage", "sessionStorage"])
    Object.defineProperty(globalThis, name, { configurable: true, value: new FakeStorage() });
});
afterEach(() => ["location", "history", "window"].forEach((name) => Reflect.deleteProperty(globalThis, name)));

test("the server is the origin of the page", () => {
  expect(page("https://chat.example.org:8443/?x=1#/lobby").platform).toMatchObject({
    server: "https://chat.example.org:8443",
    negotiates: true,
  });
});

test("a token is removed from the address, once", () => {
  const { platform, replaced } = page("https://chat.example.org/app?x=1#token=e30.eyJzdWIiOiJhbm4ifQ.a-b_c");
  expect(platform.takeToken()).toBe("e30.eyJzdWIiOiJhbm4ifQ.a-b_c");
  expect(replaced).toEqual(["/app?x=1"]);
  expect(platform.takeToken()).toBeNull();
  expect(replaced.length).toBe(1);
});

test("an empty token is ignored, and removed from the address", () => {
  const { platform, replaced } = page("https://chat.example.org/#token=");
  expect(platform.takeToken()).toBeNull();
  expect(replaced).toEqual(["/"]);
});

test.each(["", "#", "#/lobby", "#/token", "?token=x"])(
  "an address that ends in %p has no token, and is not changed",
  (end) => {
    const { platform, replaced } = page(`https://chat.example.org/${end}`);
    expect(platform.takeToken()).toBeNull();
    expect(replaced).toEqual([]);
  },
);

test("a link that is followed while the page is open is told, and the address is the one before", () => {
  const { platform, replaced, follow } = page("https://chat.example.org/#/lobby");
  const followed = jest.fn();
  platform.followTokens?.(followed);
  follow("#/garden");
  follow("#token=");
  follow("#token=a.b.c");
  expect(followed.mock.calls).toEqual([["a.b.c"]]);
  expect(replaced).toEqual(Array(2).fill("https://chat.example.org/#/lobby"));
});

test("each client of each server has separate data, over restarts", async () => {
  const { platform } = page("https://chat.example.org/");
  const ann = await platform.device("https://chat.example.org", "ann");
  await ann.set("read:lobby", 1);
  ann.close();
  const read = async (server: string, client: string) => {
    const device = await platform.device(server, client);
    const value = await device.get("read:lobby");
    device.close();
    return value;
  };
  expect(await read("https://chat.example.org", "ann")).toBe(1);
  expect(await read("https://chat.example.org", "bob")).toBeUndefined();
  expect(await read("https://chat.example.com", "ann")).toBeUndefined();
});

test("if the browser has no database, the data is kept in memory", async () => {
  Reflect.deleteProperty(globalThis, "indexedDB");
  const device = await page("https://chat.example.org/").platform.device("https://chat.example.org", "ann");
  await device.set("read:lobby", 1);
  expect(await device.get("read:lobby")).toBe(1);
});

test("the unsent messages of all clients are counted", async () => {
  const { platform } = page("https://chat.example.org/");
  expect(await platform.unsent()).toBe(0);
  const waiting = { kind: "outgoing", room: "lobby", msg: "hi", written_at: "2026-01-01T00:00:00Z", order: 1 } as const;
  for (const client of ["ann", "bob"]) {
    const device = await platform.device("https://chat.example.org", client);
    await device.put({ ...waiting, id: `1 of ${client}`, state: "waiting", reason: null });
    await device.put({
      ...waiting,
      id: `2 of ${client}`,
      state: "failed",
      reason: { code: "", text: "" },
      conflict: false,
    });
    if (client === "ann") device.close();
  }
  expect(await platform.unsent()).toBe(2);
});

describe("erase", () => {
  const names = async () => (await indexedDB.databases()).map(({ name }) => name);

  test("removes the databases of all clients and servers, and nothing else's", async () => {
    const { platform } = page("https://chat.example.org/");
    const clients = ["ann", "bob", "a name with spaces"];
    const devices = await Promise.all(clients.map((client) => platform.device("https://chat.example.org", client)));
    await platform.device("https://other.example.org", "ann");
    for (const device of devices) await device.set("read:lobby", 1);
    (await openDB("another program")).close();
    await platform.erase(); // while they are open
    expect(await names()).toEqual(["another program"]);
    await platform.erase(); // nothing is left
  });

  test("removes those that were opened before, where the browser does not tell which exist", async () => {
    const before = page("https://chat.example.org/").platform;
    for (const client of ["ann", "bob"]) (await before.device("https://chat.example.org", client)).close();
    await flush();
    const list = indexedDB.databases.bind(indexedDB);
    Object.defineProperty(indexedDB, "databases", { configurable: true, value: undefined });
    await page("https://chat.example.org/").platform.erase(); // after a restart
    Object.defineProperty(indexedDB, "databases", { configurable: true, value: list });
    expect(await names()).toEqual([]);
  });

  test("removes the values of the app, and no others", async () => {
    const { platform } = page("https://chat.example.org/");
    await platform.keyValues.write("identity", "x");
    localStorage.setItem("another", "y");
    await platform.erase();
    expect({ ...localStorage }).toEqual({ another: "y" });
  });
});

describe("persist", () => {
  test.each([
    ["asks once", { persisted: async () => false, persist: jest.fn(async () => true) }, true, 1],
    ["does not ask if it is so already", { persisted: async () => true, persist: jest.fn(async () => true) }, true, 0],
    [
      "is false if the browser refuses",
      { persisted: async () => false, persist: jest.fn(async () => false) },
      false,
      1,
    ],
    ["is false if the browser fails", { persist: jest.fn(async () => Promise.reject(new Error("no"))) }, false, 1],
    ["is false if the browser cannot", undefined, false, 0],
  ])("%s", async (_, storage, answer, times) => {
    Object.defineProperty(globalThis, "navigator", { configurable: true, value: { storage } });
    const { platform } = page("https://chat.example.org/");
    expect([await platform.persist(), await platform.persist()]).toEqual([answer, answer]);
    expect(storage?.persist.mock.calls.length ?? 0).toBe(times);
  });
});
