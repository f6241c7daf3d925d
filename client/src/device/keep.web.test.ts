import { keep } from "./keep.web";

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
  expect(await keep.read("server")).toBeNull();
  await keep.write("server", "https://chat.example.org");
  await keep.write("identity", '{"client":"ann"}\u2028');
  await keep.write("language", "");
  expect(await keep.read("server")).toBe("https://chat.example.org");
  expect(await keep.read("identity")).toBe('{"client":"ann"}\u2028');
  expect(await keep.read("language")).toBe("");
  await keep.write("server", "http://other");
  await keep.write("identity", null);
  expect(await keep.read("server")).toBe("http://other");
  expect(await keep.read("identity")).toBeNull();
  expect([...storage.items.keys()]).toEqual(["restante:server", "restante:language"]);
});

describe("A browser", () => {
  afterEach(() => keep.write("identity", null));

  test("that is full keeps the newest value as long as the page", async () => {
    await keep.write("identity", "old");
    storage.full = true;
    await keep.write("identity", "new");
    expect(await keep.read("identity")).toBe("new");
    storage.full = false;
    await keep.write("identity", "newest");
    expect(storage.items.get("restante:identity")).toBe("newest");
    expect(await keep.read("identity")).toBe("newest");
  });

  test("without storage keeps values as long as the page", async () => {
    storage.locked = true;
    expect(await keep.read("identity")).toBeNull();
    await keep.write("identity", "ann");
    expect(await keep.read("identity")).toBe("ann");
    await keep.write("identity", null);
    expect(await keep.read("identity")).toBeNull();
    storage.locked = false;
  });

  test("returns the values that another tab has written or removed", async () => {
    await keep.write("identity", "ann");
    storage.items.set("restante:identity", "bob");
    expect(await keep.read("identity")).toBe("bob");
    storage.items.delete("restante:identity");
    expect(await keep.read("identity")).toBeNull();
  });
});
