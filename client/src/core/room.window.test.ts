import { flushPromises } from "./fakes";
import { pass, run, setUp, setUpEpochs } from "./room.fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 2) }));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

/** An open and connected room of 2,000 messages, whose newest page is in memory. */
async function opened(last = 2_000) {
  const t = setUp();
  t.fill(last);
  const tab = await t.tab();
  await tab.connect();
  tab.room.open();
  t.server.asked.length = 0;
  const { room } = tab;
  const window = () => room.timeline.get().window;
  const inWindow = () => window()?.messages.map((m) => m.seq);
  return { t, ...tab, window, inWindow };
}

describe("a jump to a number", () => {
  test("far back shows what is around it, in one request", async () => {
    const { t, room, shown, window, inWindow } = await opened();
    const jumping = room.jump(700);
    expect(window()).toMatchObject({ target: 700, state: "loading", messages: [] });
    await jumping;
    expect(window()).toMatchObject({ target: 700, state: "ready", older: "some", newer: "some" });
    expect([inWindow(), t.server.asked.length]).toEqual([run(651, 750), 1]);
    expect(shown()).toEqual(run(1_901, 2_000)); // the run stays beside it
  });

  test("among the messages in memory needs no window, and closes one", async () => {
    const { t, room, window } = await opened();
    await room.jump(1_950);
    expect([window(), t.server.asked]).toEqual([null, []]);
    await room.jump(5);
    await room.jump(1_950);
    expect(window()).toBeNull();
  });

  test("a little before them joins them", async () => {
    const { room, shown, window } = await opened();
    await room.jump(1_880);
    expect([window(), shown()]).toEqual([null, run(1_801, 2_000)]);
  });

  test("to the first message has nothing older", async () => {
    const { room, window, inWindow } = await opened();
    await room.jump(1);
    expect([window()?.older, inWindow()]).toEqual(["none", run(1, 51)]);
  });

  test.each([0, 2_001, 5_000])("to %i, which the server does not have, says so", async (seq) => {
    const { room, window } = await opened();
    await room.jump(seq);
    expect(window()).toMatchObject({ target: seq, state: "absent", messages: [] });
    room.toNewest();
    expect(window()).toBeNull();
  });

  test("to a message that was removed says so", async () => {
    const { t, room, window } = await opened();
    t.server.oldest = 500;
    await room.jump(400);
    expect(window()).toMatchObject({ target: 400, state: "absent" });
    await room.jump(510);
    expect(window()).toMatchObject({ target: 510, state: "ready" });
  });

  test("reads the device if that has what is around it", async () => {
    const { t, room, inWindow } = await opened();
    await t.device.keep("lobby", t.server.log("lobby").slice(400, 1_900), []);
    t.server.up = false;
    await room.jump(700);
    expect([inWindow(), t.server.asked]).toEqual([run(651, 750), []]);
    await room.newer();
    await room.older();
    expect(inWindow()).toEqual(run(551, 850));
  });

  test("that fails can be tried again", async () => {
    const { t, room, window } = await opened();
    t.server.up = false;
    await room.jump(700);
    expect(window()).toMatchObject({ target: 700, state: "failed" });
    t.server.up = true;
    await room.jump(700);
    expect(window()?.state).toBe("ready");
  });

  test("among very long messages, of which a page has few, finds it", async () => {
    const t = setUp();
    t.fill(400);
    const { room, connect } = await t.tab();
    await connect();
    const page = t.server.fetch;
    jest.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
      const answer = await page(String(url), init);
      const { messages, ...rest } = (await answer.json()) as { messages: unknown[] };
      return Response.json({ ...rest, messages: messages.slice(-10) });
    });
    room.open();
    await room.jump(100);
    expect(room.timeline.get().window?.messages.map((m) => m.seq)).toEqual(run(91, 100));
  });

  test("that another jump replaces is forgotten", async () => {
    const { t, room, window } = await opened();
    let go = () => {};
    t.server.after = () => new Promise((resolve) => (go = resolve));
    const first = room.jump(300);
    await flushPromises();
    t.server.after = async () => {};
    await room.jump(900);
    go();
    await first;
    expect(window()).toMatchObject({ target: 900, state: "ready" });
    expect(window()?.messages[0]?.seq).toBe(851);
  });
});

describe("a window", () => {
  test("grows in both directions, and joins the newest messages when it meets them", async () => {
    const { room, shown, window, inWindow } = await opened(1_200);
    await room.jump(800);
    await room.older();
    expect(inWindow()).toEqual(run(651, 850));
    for (let pages = 0; window() !== null; pages++) {
      expect(pages).toBeLessThan(10);
      await room.newer();
    }
    expect(shown()).toEqual(run(651, 1_200));
  });

  test("is bounded: what is far from the reader is dropped, and can be fetched again", async () => {
    const { room, inWindow } = await opened(9_000);
    await room.jump(4_000);
    for (let i = 0; i < 20; i++) await room.older();
    expect([inWindow()?.length, inWindow()?.[0]]).toEqual([1_000, 1_951]);
    for (let i = 0; i < 20; i++) await room.newer();
    expect([inWindow()?.length, inWindow()?.at(-1)]).toEqual([1_000, 4_950]);
    const seqs = inWindow() ?? [];
    expect(seqs).toEqual(run(seqs[0] ?? 0, seqs.at(-1) ?? 0));
  });

  test("stays while messages come, and shows a page that failed", async () => {
    const { t, room, window, shown } = await opened();
    await room.jump(700);
    t.fill(2_010);
    await pass();
    expect([window()?.target, shown().at(-1)]).toEqual([700, 2_010]);
    t.server.up = false;
    await room.older();
    await room.newer();
    expect(window()).toMatchObject({ older: "failed", newer: "failed" });
    t.server.up = true;
    await room.older();
    expect(window()?.messages[0]?.seq).toBe(551);
  });

  test("ends with the room that shows it", async () => {
    const t = setUp();
    t.fill(900);
    const { room, connect } = await t.tab();
    await connect();
    const close = room.open();
    await room.jump(5);
    close();
    expect(room.timeline.get().window).toBeNull();
  });

  test("is dropped when the server has gone back, also one that is loading", async () => {
    const t = setUpEpochs(900);
    const { room, connect } = await t.tab();
    await connect();
    room.open();
    await room.jump(100);
    t.goBack(50, "b", 900);
    await connect();
    expect(room.timeline.get().window).toBeNull();
    let go = () => {};
    t.server.after = () => new Promise((resolve) => (go = resolve));
    const jumping = room.jump(100);
    await flushPromises();
    t.server.after = async () => {};
    t.goBack(40, "c", 900);
    await connect();
    go();
    await jumping;
    expect(room.timeline.get().window).toBeNull();
  });

  test("of another epoch than the log is not shown", async () => {
    const t = setUpEpochs(900);
    const { room, connect } = await t.tab();
    const hub = await connect();
    room.open();
    t.server.epoch = "b";
    await room.jump(100);
    await hub.closed;
    expect(room.timeline.get().window?.state).toBe("failed");
  });
});
