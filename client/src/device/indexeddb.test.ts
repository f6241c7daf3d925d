import "fake-indexeddb/auto";

import { forceCloseDatabase, IDBDatabase as FakeDatabase, IDBFactory } from "fake-indexeddb";
import { openDB } from "idb";

import type { Device } from "../core/device";

import { openIndexedDB } from "./indexeddb";
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

  test("that does not open is rejected, and closed if it opens later", async () => {
    const device = await openIndexedDB("both");
    const other = await stubborn();
    await device.erase(); // the deletion is pending while the other tab is open
    jest.useFakeTimers({ doNotFake: ["setImmediate", "queueMicrotask", "nextTick"] });
    const opening = openIndexedDB("both");
    const refused = expect(opening).rejects.toThrow("does not answer");
    await jest.advanceTimersByTimeAsync(5_000);
    await refused;
    jest.useRealTimers();
    const close = jest.spyOn(FakeDatabase.prototype, "close");
    other.close();
    await new Promise<void>((resolve) => close.mockImplementationOnce(() => resolve()));
  });

  test("is opened at once without leaving a timer", async () => {
    jest.useFakeTimers({ doNotFake: ["setImmediate", "queueMicrotask", "nextTick"] });
    await openIndexedDB("both");
    expect(jest.getTimerCount()).toBe(0);
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

  test("that the browser closes is opened again", async () => {
    const device = await openIndexedDB("both");
    await end(device);
    await expect(device.put(outgoing("b"))).rejects.toThrow();
    await openIndexedDB("both"); // the reopening runs before this
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
    transaction.mock.results[0]?.value.abort();
    await expect(full).rejects.toThrow();
    await new Promise(setImmediate);
    expect(await device.history("lobby", 10)).toEqual([message(1)]);
  });
});
