import { checkStoring } from "./keyvalues.suite";
import { keepTabValues, keyValues } from "./keyvalues.web";

/** The storage of a site. Writes fail while it is full, and all calls fail while it is locked. */
class Storage {
  full = false;
  locked = false;
  readonly items = new Map<string, string>();

  getItem(key: string): string | null {
    if (this.locked) throw new Error("SecurityError");
    return this.items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    if (this.full || this.locked) throw new Error("QuotaExceededError");
    this.items.set(key, value);
  }
  removeItem(key: string): void {
    if (this.locked) throw new Error("SecurityError");
    this.items.delete(key);
  }
}

let storage: Storage;
beforeEach(() => {
  storage = new Storage();
  Object.defineProperty(globalThis, "localStorage", { configurable: true, get: () => storage });
});
afterEach(() => Reflect.deleteProperty(globalThis, "localStorage"));

test("Values are stored until they are removed", async () => {
  await checkStoring(keyValues);
  expect([...storage.items.keys()]).toEqual(["restante:server", "restante:language"]);
});

describe("A browser", () => {
  afterEach(() => keyValues.write("identity", null));

  test("that is full keeps the newest value as long as the page", async () => {
    await keyValues.write("identity", "old");
    storage.full = true;
    await keyValues.write("identity", "new");
    expect(await keyValues.read("identity")).toBe("new");
    storage.full = false;
    await keyValues.write("identity", "newest");
    expect(storage.items.get("restante:identity")).toBe("newest");
    expect(await keyValues.read("identity")).toBe("newest");
  });

  test("without storage keeps values as long as the page", async () => {
    storage.locked = true;
    expect(await keyValues.read("identity")).toBeNull();
    await keyValues.write("identity", "ann");
    expect(await keyValues.read("identity")).toBe("ann");
    await keyValues.write("identity", null);
    expect(await keyValues.read("identity")).toBeNull();
    storage.locked = false;
  });

  test("returns the values that another tab has written or removed", async () => {
    await keyValues.write("identity", "ann");
    storage.items.set("restante:identity", "bob");
    expect(await keyValues.read("identity")).toBe("bob");
    storage.items.delete("restante:identity");
    expect(await keyValues.read("identity")).toBeNull();
  });
});

describe("The values of a tab", () => {
  const listeners = new Map<Storage, (event: { key: string | null }) => void>();
  let sessionStorage: Storage;

  /** Opens another tab, or returns to one. */
  const inTab = (tab: Storage) => {
    sessionStorage = tab;
    Object.defineProperty(globalThis, "sessionStorage", { configurable: true, get: () => sessionStorage });
  };
  /** Starts the tab's page, which hears of the changes of others. */
  const run = (tab: Storage) => {
    inTab(tab);
    const addEventListener = (_: string, listener: (event: { key: string | null }) => void) =>
      listeners.set(tab, listener);
    Object.defineProperty(globalThis, "window", { configurable: true, value: { addEventListener } });
    keepTabValues();
  };
  /** Tells the other running tabs that the shared storage has changed. */
  const tell = (from: Storage, key: string | null) => {
    for (const [tab, listener] of listeners) {
      if (tab === from) continue;
      inTab(tab);
      listener({ key });
    }
    inTab(from);
  };
  const mark = "restante:mark";
  afterEach(() => {
    listeners.clear();
    for (const name of ["sessionStorage", "window"]) Reflect.deleteProperty(globalThis, name);
  });

  test("are its own, and outlive a reload", async () => {
    const [one, two] = [new Storage(), new Storage()];
    inTab(one);
    await keyValues.write("tab.identity", "ann");
    inTab(two);
    expect(await keyValues.read("tab.identity")).toBeNull();
    await keyValues.write("tab.identity", "bob");
    inTab(one);
    expect(await keyValues.read("tab.identity")).toBe("ann");
    expect([...storage.items.keys()]).toEqual([mark]);
  });

  test("leave nothing when they are removed", async () => {
    const tab = new Storage();
    inTab(tab);
    await keyValues.write("tab.identity", "ann");
    await keyValues.write("tab.identity", null);
    expect([storage.items.size, tab.items.size]).toEqual([0, 0]);
  });

  test("end with those of another tab if the browser has unloaded the tab meanwhile", async () => {
    const [unloaded, one] = [new Storage(), new Storage()];
    for (const tab of [unloaded, one]) {
      inTab(tab);
      await keyValues.write("tab.identity", "ann");
    }
    await keyValues.write("tab.identity", null);
    await keyValues.write("tab.identity", "cy");
    inTab(unloaded);
    expect(await keyValues.read("tab.identity")).toBeNull();
  });

  test.each([mark, null])("of a tab that runs stay when another tab removes its own: %p", async (key) => {
    const [running, other, one] = [new Storage(), new Storage(), new Storage()];
    for (const [tab, name] of [
      [running, "bob"],
      [other, "cy"],
      [one, "ann"],
    ] as const) {
      run(tab);
      await keyValues.write("tab.identity", name);
    }
    await keyValues.write("tab.identity", null);
    if (key === null) storage.items.clear();
    tell(one, key);
    for (const [tab, name] of [
      [running, "bob"],
      [other, "cy"],
    ] as const) {
      inTab(tab);
      expect(await keyValues.read("tab.identity")).toBe(name);
    }
    inTab(one);
    expect(await keyValues.read("tab.identity")).toBeNull();
  });

  test("live as long as the page in a browser without storage", async () => {
    const locked = new Storage();
    locked.locked = true;
    inTab(locked);
    await keyValues.write("tab.identity", "ann");
    expect(await keyValues.read("tab.identity")).toBe("ann");
    await keyValues.write("tab.identity", null);
    expect(await keyValues.read("tab.identity")).toBeNull();
  });
});
