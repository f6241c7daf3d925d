import { keyValues } from "./keyvalues.web";

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
  expect(await keyValues.read("server")).toBeNull();
  await keyValues.write("server", "https://chat.example.org");
  await keyValues.write("identity", '{"client":"ann"}\u2028');
  await keyValues.write("language", "");
  expect(await keyValues.read("server")).toBe("https://chat.example.org");
  expect(await keyValues.read("identity")).toBe('{"client":"ann"}\u2028');
  expect(await keyValues.read("language")).toBe("");
  await keyValues.write("server", "http://other");
  await keyValues.write("identity", null);
  expect(await keyValues.read("server")).toBe("http://other");
  expect(await keyValues.read("identity")).toBeNull();
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
