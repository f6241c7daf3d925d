import "fake-indexeddb/auto";

import { forceCloseDatabase, IDBDatabase as FakeDatabase, IDBFactory } from "fake-indexeddb";
import { openDB } from "idb";

import type { Device } from "../core/device";

import { eraseIndexedDB, openIndexedDB } from "./indexeddb";
import { deviceSuite, message, outgoing, range } from "./suite";

deviceSuite("A Device on IndexedDB", () => {
  globalThis.indexedDB = new IDBFactory();
  return () => openIndexedDB("restante test");
});

describe("A database", () => {
  beforeEach(() => {
    globalThis.indexedDB = new IDBFactory();
  });
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  const names = async () => (await indexedDB.databases()).map(({ name }) => name);
  /** A tab that never closes its connection. */
  const stubborn = () => openDB("both", 1);

  test("that another tab has open can be erased", async () => {
    const [one, other] = [await openIndexedDB("both"), await openIndexedDB("both")];
    await one.set("read:lobby", 1);
    await one.erase();
    expect(await names()).toEqual([]);
    await expect(other.get("read:lobby")).rejects.toThrow();
    await expect(one.get("read:lobby")).rejects.toThrow();
  });

  test("that another tab does not close is emptied, and deleted with that tab", async () => {
    const device = await openIndexedDB("both");
    await device.put(outgoing("a"));
    await device.keep("lobby", range(1, 3), []);
    await device.set("rooms", ["lobby"]);
    const other = await stubborn();
    await device.erase();
    const left = [...other.objectStoreNames].map((store) => other.getAll(store));
    expect(await Promise.all(left)).toEqual([[], [], []]);
    other.close();
    await (await openIndexedDB("next")).set("read:a", 1); // gives the browser time
    expect(await names()).toEqual(["next"]);
  });

  test("that another tab blocks is opened when that tab lets it", async () => {
    const device = await openIndexedDB("both");
    const other = await stubborn();
    await device.erase(); // the deletion is pending while the other tab is open
    const opening = openIndexedDB("both");
    other.close();
    const late = await opening; // how long a call waits is decided by PatientDevice
    await late.put(outgoing("a"));
    expect((await late.outbox()).map((m) => m.id)).toEqual(["a"]);
  });

  test("of a later version is erased, and one that never opens does not take for ever", async () => {
    (await openDB("later", 7)).close();
    await eraseIndexedDB("later");
    expect(await names()).toEqual([]);
    const device = await openIndexedDB("both");
    const other = await stubborn();
    await device.erase(); // the deletion is pending while the other tab is open
    jest.useFakeTimers({ doNotFake: ["setImmediate", "queueMicrotask", "nextTick"] });
    const refused = expect(eraseIndexedDB("both")).rejects.toThrow("does not answer");
    for (let waits = 0; waits < 2; waits++) await jest.advanceTimersByTimeAsync(5_000);
    await refused;
    expect(jest.getTimerCount()).toBe(0);
    other.close();
  });

  test("of a later version is not opened, and can be upgraded while this one has it open", async () => {
    const device = await openIndexedDB("both");
    await device.keep("lobby", [message(1)], []);
    const later = await openDB("both", 2);
    expect(await later.getAll("messages")).toEqual([message(1)]);
    await expect(device.put(outgoing("a"))).rejects.toThrow();
    await expect(openIndexedDB("both")).rejects.toThrow();
    expect(await later.getAll("messages")).toEqual([message(1)]);
  });

  /** Closes the connection of a Device, as browsers do after sleep. */
  async function end(device: Device): Promise<void> {
    const transaction = jest.spyOn(FakeDatabase.prototype, "transaction");
    await device.put(outgoing("a"));
    const [own] = transaction.mock.contexts;
    transaction.mockRestore();
    forceCloseDatabase(own as Parameters<typeof forceCloseDatabase>[0]);
  }

  test("that the browser closes is opened again by the next call", async () => {
    const device = await openIndexedDB("both");
    await end(device);
    await device.put(outgoing("b"));
    expect((await device.outbox()).map((m) => m.id)).toEqual(["a", "b"]);
  });

  test("that the browser closes and does not open is tried again by each call", async () => {
    const device = await openIndexedDB("both");
    await end(device);
    const open = jest.spyOn(indexedDB, "open").mockImplementation(() => {
      throw new Error("not now");
    });
    await expect(device.put(outgoing("b"))).rejects.toThrow("not now");
    open.mockRestore();
    await device.put(outgoing("c"));
    expect((await device.outbox()).map((m) => m.id)).toEqual(["a", "c"]);
  });

  test("that the browser closes can be erased", async () => {
    const device = await openIndexedDB("both");
    await end(device);
    await device.erase();
    expect(await names()).toEqual([]);
  });

  test("is rejected if the browser has no database", async () => {
    Reflect.deleteProperty(globalThis, "indexedDB");
    await expect(openIndexedDB("none")).rejects.toThrow();
  });
});

describe("A change that fails in part", () => {
  const unhandled = jest.fn();
  beforeEach(() => {
    globalThis.indexedDB = new IDBFactory();
    process.on("unhandledRejection", unhandled);
  });
  afterEach(() => {
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    jest.restoreAllMocks();
  });

  test("is not stored at all", async () => {
    const device = await openIndexedDB("full");
    await device.put(outgoing("lobby-1"));
    const wrong = { ...message(2), seq: NaN };
    await expect(device.keep("lobby", [message(1), wrong], [])).rejects.toThrow();
    await new Promise(setImmediate);
    expect(await device.history("lobby", 10)).toEqual([]);
    expect((await device.outbox()).length).toBe(1);
  });

  test("is not stored if the device is full", async () => {
    const device = await openIndexedDB("full");
    await device.keep("lobby", [message(1)], []);
    const transaction = jest.spyOn(FakeDatabase.prototype, "transaction");
    const full = device.keep("lobby", [message(2)], []);
    while (transaction.mock.results.length === 0) await Promise.resolve();
    transaction.mock.results[0]?.value.abort();
    await expect(full).rejects.toThrow();
    await new Promise(setImmediate);
    expect(await device.history("lobby", 10)).toEqual([message(1)]);
  });
});
