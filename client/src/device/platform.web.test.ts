import "fake-indexeddb/auto";

import { IDBFactory } from "fake-indexeddb";

import type { Platform } from "../core/device";

jest.mock("./id", () => jest.requireActual("./id.web"));
jest.mock("./keyvalues", () => jest.requireActual("./keyvalues.web"));
jest.mock("./tabs", () => jest.requireActual("./tabs.web"));
jest.mock("./connectivity", () => jest.requireActual("./connectivity.web"));

/** A page that was opened at an address. replaced is its address afterwards. */
function page(address: string): { platform: Platform; replaced: string[] } {
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
  let platform: Platform | undefined;
  jest.isolateModules(() => ({ platform } = jest.requireActual<{ platform: Platform }>("./platform.web")));
  if (platform === undefined) throw new Error("the platform was not loaded");
  return { platform, replaced };
}

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});
afterEach(() => ["location", "history"].forEach((name) => Reflect.deleteProperty(globalThis, name)));

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
