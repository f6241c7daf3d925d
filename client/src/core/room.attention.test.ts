import { flushPromises } from "./fakes";
import { pass, setUp } from "./room.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2) }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

/** An open room in which somebody has read 20 messages. */
async function opened() {
  const t = setUp();
  t.fill(20);
  const tab = await t.tab();
  await tab.connect();
  const { room } = tab;
  const close = room.open();
  const unread = () => room.timeline.get().last - room.timeline.get().read;
  const mark = () => room.timeline.get().mark;
  const come = async (count: number) => {
    t.fill(t.server.log("lobby").length + count);
    await pass();
  };
  const own = async (id: string) => {
    t.server.store("lobby", "from my phone", id, "ann");
    await pass();
  };
  return { t, ...tab, close, unread, mark, come, own };
}

describe("what comes while nobody looks", () => {
  test("is unread until the reader has passed it, and the line stays where it began", async () => {
    const { room, unread, mark, come } = await opened();
    let look = room.attend();
    room.read(20);
    look();
    await come(45);
    expect([unread(), mark()]).toEqual([45, 20]);
    look = room.attend(); // back from lunch
    expect([unread(), mark()]).toEqual([45, 20]);
    room.read(40);
    expect([unread(), mark()]).toEqual([25, 20]);
    room.read(65);
    expect([unread(), mark()]).toEqual([0, 20]);
    look();
    expect(mark()).toBeNull();
    await come(1);
    expect([unread(), mark()]).toEqual([1, 65]);
  });

  test("is unread also if the attention goes again before it was passed", async () => {
    const { room, unread, mark, come } = await opened();
    room.attend()();
    await come(10);
    const look = room.attend();
    room.read(25);
    look();
    expect([unread(), mark()]).toEqual([5, 25]);
    await come(5);
    room.attend();
    expect([unread(), mark()]).toEqual([10, 25]);
  });

  test("has no line if another tab has read it", async () => {
    const { t, room, unread, mark, come } = await opened();
    const other = await t.tab();
    await other.connect();
    await come(3);
    expect(mark()).toBe(20);
    other.room.read(23);
    await flushPromises();
    expect([unread(), mark()]).toEqual([0, null]);
    room.attend();
    expect(mark()).toBeNull();
  });

  test("is read if it is one's own and everything before it was read", async () => {
    const { unread, mark, come, own } = await opened();
    await own("p1");
    expect([unread(), mark()]).toEqual([0, null]);
    await come(1);
    await own("p2");
    expect([unread(), mark()]).toEqual([2, 21]);
  });
});

describe("attention", () => {
  test("alone reads nothing", async () => {
    const { room, unread, come } = await opened();
    await come(3);
    const looks = [room.attend(), room.attend()];
    await pass(60_000);
    for (const look of looks) look();
    expect(unread()).toBe(3);
  });

  test("ends when the last of several ends, and an end counts once", async () => {
    const { room, mark, come } = await opened();
    const [one, other] = [room.attend(), room.attend()];
    one();
    one();
    await come(2);
    expect(mark()).toBeNull(); // still attentive: what comes live has no line
    other();
    expect(mark()).toBe(20);
  });

  test("of a room that is closed shows no line", async () => {
    const { room, mark, come, close } = await opened();
    room.attend();
    close();
    await come(2);
    expect(mark()).toBeNull();
    room.open();
    expect(mark()).toBe(20);
  });

  test.each([-86_400_000, 86_400_000])("does not depend on the clock, which jumps by %i ms", async (jump) => {
    const { room, unread, mark, come } = await opened();
    const look = room.attend();
    look();
    jest.setSystemTime(Date.now() + jump);
    await come(4);
    jest.setSystemTime(Date.now() - jump);
    room.attend();
    expect([unread(), mark()]).toEqual([4, 20]);
  });
});

describe("unread mentions", () => {
  test("are counted apart, and no longer when they were passed", async () => {
    const { t, room, come } = await opened();
    t.server.store("lobby", "hi @ann");
    t.server.store("lobby", "hi `@ann` and @anna");
    t.server.store("lobby", "@ann again");
    t.server.store("lobby", "@ann is me", "p1", "ann");
    await come(1);
    expect(room.mentions).toBe(2);
    room.read(21);
    expect(room.mentions).toBe(1);
    room.read(25);
    expect(room.mentions).toBe(0);
  });

  test("are counted in what is paged in, each once", async () => {
    const t = setUp();
    t.fill(5);
    await t.device.set("read:lobby", 5);
    await t.device.keep("lobby", t.server.log("lobby"), []);
    t.server.store("lobby", "@ann early");
    t.fill(900);
    t.server.store("lobby", "@ann late");
    const { room, connect } = await t.tab();
    await connect();
    expect(room.mentions).toBe(1);
    room.open();
    await room.older(1);
    expect(room.mentions).toBe(2);
    room.read(6);
    expect(room.mentions).toBe(1);
  });
});
