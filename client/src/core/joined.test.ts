import { FakeDevice, FakeTabs, flushPromises } from "./fakes";
import { DeviceRooms } from "./joined";

const opened: DeviceRooms[] = [];
afterEach(() => opened.splice(0).forEach((joined) => joined.close()));

function setUp() {
  const device = new FakeDevice();
  const tabs = new FakeTabs();
  const tab = async () => {
    const joined = new DeviceRooms({ device, tabs: tabs.tab(), first: ["lobby"] });
    opened.push(joined);
    await joined.load();
    return joined;
  };
  const stored = () => device.values.get("rooms");
  return { device, tab, stored };
}

describe("the joined rooms", () => {
  test("are the first ones only if the device has no list, and a guess is not stored", async () => {
    const t = setUp();
    expect((await t.tab()).names.get()).toEqual(["lobby"]);
    expect(t.stored()).toBeUndefined();
    t.device.values.set("rooms", []);
    expect((await t.tab()).names.get()).toEqual([]);
  });

  test("that cannot be read are not replaced: what is joined and left meanwhile is merged with them", async () => {
    const t = setUp();
    t.device.values.set("rooms", ["tea", "garden", "harbour"]);
    t.device.full = true;
    const joined = await t.tab();
    joined.join("new");
    joined.leave("garden");
    joined.leave("lobby");
    await flushPromises();
    expect([joined.names.get(), await joined.load()]).toEqual([["new"], false]);
    t.device.full = false;
    expect(await joined.load()).toBe(true);
    expect([joined.names.get(), t.stored()]).toEqual([
      ["tea", "harbour", "new"],
      ["tea", "harbour", "new"],
    ]);
  });

  test("that cannot be stored are stored later", async () => {
    const t = setUp();
    const joined = await t.tab();
    t.device.fails.add("set");
    joined.join("tea");
    joined.setLevel("tea", "nothing");
    await flushPromises();
    expect([joined.names.get(), joined.level("tea"), t.stored()]).toEqual([["lobby", "tea"], "nothing", undefined]);
    expect(await joined.load()).toBe(false);
    t.device.fails.clear();
    expect(await joined.load()).toBe(true);
    expect([t.stored(), t.device.values.get("levels")]).toEqual([["lobby", "tea"], { tea: "nothing" }]);
  });

  test("of two tabs that change something at the same time are those of both", async () => {
    const t = setUp();
    t.device.values.set("rooms", ["a", "b", "c"]);
    const [one, other] = [await t.tab(), await t.tab()];
    one.join("d");
    other.leave("a");
    one.leave("b");
    other.join("e");
    await flushPromises();
    for (const names of [one.names.get(), other.names.get(), t.stored()])
      expect([...(names as string[])].sort()).toEqual(["c", "d", "e"]);
  });

  test("of a tab that was asleep do not bring back what was left meanwhile", async () => {
    const t = setUp();
    t.device.values.set("rooms", ["a", "b"]);
    const asleep = await t.tab();
    t.device.values.set("rooms", ["b"]); // another tab has left a, and this one has not heard of it
    asleep.join("c");
    await flushPromises();
    expect([asleep.names.get(), t.stored()]).toEqual([
      ["b", "c"],
      ["b", "c"],
    ]);
  });
});

describe("the level of a room", () => {
  test("is everything until it is set, is stored, and is the same in all tabs", async () => {
    const t = setUp();
    const [one, other] = [await t.tab(), await t.tab()];
    expect(one.level("tea")).toBe("all");
    const changed = jest.fn();
    other.subscribe(changed);
    one.setLevel("tea", "mentions");
    one.setLevel("sea", "nothing");
    await flushPromises();
    expect([other.level("tea"), other.level("sea")]).toEqual(["mentions", "nothing"]);
    expect(changed).toHaveBeenCalledWith({ is: "level", room: "tea" });
    const later = await t.tab();
    expect([later.level("tea"), later.level("sea"), later.level("bay")]).toEqual(["mentions", "nothing", "all"]);
  });
});
