import type { Device, Recorded } from "../core/device";
import type { Message, Outgoing, Unsent } from "../core/message";

export function message(seq: number, room = "lobby", msg = `text ${seq}`): Message {
  const time = new Date(1_700_000_000_000 + seq).toISOString();
  return { kind: "message", id: `${room}-${seq}`, room, seq, client_id: "ann", msg, sent_at: time, stored_at: time };
}

export function range(first: number, last: number, room = "lobby"): Message[] {
  return Array.from({ length: last - first + 1 }, (_, i) => message(first + i, room));
}

export function outgoing(id: string, msg = `text of ${id}`): Unsent {
  const written_at = "2026-01-01T00:00:00.000Z";
  return { kind: "outgoing", id, room: "lobby", msg, written_at, order: 1, state: "waiting", reason: null };
}

function failed(id: string, text: string): Outgoing {
  const { reason: _, ...written } = outgoing(id);
  return { ...written, state: "failed", reason: { code: "invalid", text }, conflict: false };
}

const seqs = (list: readonly Message[]) => list.map((m) => m.seq);
const ids = (list: readonly Outgoing[]) => list.map((m) => m.id);
const hostile = [
  "",
  " ",
  "\0",
  "a\0b",
  "\u2028\u2029",
  "\ufeff👋🏽\u200d",
  "'; DROP TABLE messages; --",
  '"\\\n\r\t',
  "\u202edrawkcab",
  '{"a":1}',
  "é".normalize("NFD"),
  "x".repeat(32 * 1024),
];

/** The Devices of one test. They share one store, as the tabs of one client do. */
interface Tabs {
  readonly device: () => Device;
  readonly another: () => Promise<Device>;
}

/** Tests that every Device must pass. make creates a new store for each test, and returns a function that opens a Device on it. */
export function deviceSuite(name: string, make: () => () => Promise<Device>): void {
  describe(name, () => {
    const opened: Device[] = [];
    let open: () => Promise<Device>;
    let device: Device;

    async function another(): Promise<Device> {
      const other = await open();
      opened.push(other);
      return other;
    }

    beforeEach(async () => {
      open = make();
      device = await another();
    });
    afterEach(() => opened.splice(0).forEach((d) => d.close()));

    const tabs: Tabs = { device: () => device, another };
    valuesSuite(tabs);
    historySuite(tabs);
    epochSuite(tabs);
    roomsSuite(tabs);
    outboxSuite(tabs);
    orderSuite(tabs);
    eraseSuite(tabs);
  });
}

function valuesSuite({ device, another }: Tabs): void {
  test("keeps values until they are removed", async () => {
    expect(await device().get("rooms")).toBeUndefined();
    await device().set("rooms", ["a", "b"]);
    await device().set("read:a", 7);
    await device().set("draft:a", "half a sen");
    await device().set("read:a", 8);
    expect(await device().get("rooms")).toEqual(["a", "b"]);
    expect(await device().get("read:a")).toBe(8);
    expect(await device().get("draft:a")).toBe("half a sen");
    await device().set("draft:a", undefined);
    await device().set("draft:b", undefined);
    expect(await device().get("draft:a")).toBeUndefined();
    expect(await (await another()).get("read:a")).toBe(8);
  });

  test("distinguishes an empty value from no value", async () => {
    await device().set("rooms", []);
    await device().set("read:a", 0);
    await device().set("draft:a", "");
    expect([await device().get("rooms"), await device().get("read:a"), await device().get("draft:a")]).toEqual([
      [],
      0,
      "",
    ]);
  });

  test("returns texts unchanged", async () => {
    const log = hostile.map((msg, i) => message(i + 1, "lobby", msg));
    const box = hostile.map((msg, i) => ({ ...failed(`id ${i}`, msg), msg }));
    await device().keep("lobby", log, []);
    for (const m of box) await device().put(m);
    expect(await device().history("lobby", 100)).toEqual(log);
    expect(await device().outbox()).toEqual(box);
    for (const text of hostile) {
      await device().set("draft:lobby", text);
      expect(await device().get("draft:lobby")).toBe(text);
    }
  });
}

function historySuite({ device }: Tabs): void {
  test("returns the newest messages and those before a number, ascending, each once", async () => {
    await device().keep("lobby", range(5, 9), []);
    await device().keep("lobby", range(1, 6), []);
    await device().keep("lobby", range(1, 6), []);
    await device().keep("lobby", [], []);
    await device().keep("lobby2", range(1, 3, "lobby2"), []);
    expect(await device().history("lobby", 100)).toEqual(range(1, 9));
    expect(seqs(await device().history("lobby", 4))).toEqual([6, 7, 8, 9]);
    expect(seqs(await device().history("lobby", 4, 10))).toEqual([6, 7, 8, 9]);
    expect(seqs(await device().history("lobby", 2, 5))).toEqual([3, 4]);
    expect(seqs(await device().history("lobby", 100, 3))).toEqual([1, 2]);
    expect(seqs(await device().history("lobby", 2, 1))).toEqual([]);
    expect(seqs(await device().history("lobby", 2, 11))).toEqual([]);
    expect(await device().history("lobby2", 1)).toEqual([message(3, "lobby2")]);
    expect(await device().history("lobb", 10)).toEqual([]);
  });

  test("never returns messages across a gap", async () => {
    await device().keep("lobby", range(1, 4), []);
    await device().keep("lobby", range(8, 10), []);
    expect(seqs(await device().history("lobby", 100))).toEqual([8, 9, 10]);
    expect(seqs(await device().history("lobby", 2, 10))).toEqual([8, 9]);
    expect(seqs(await device().history("lobby", 100, 8))).toEqual([]);
    expect(seqs(await device().history("lobby", 100, 7))).toEqual([]);
    expect(seqs(await device().history("lobby", 100, 5))).toEqual([1, 2, 3, 4]);
    await device().keep("lobby", [message(6)], []);
    expect(seqs(await device().history("lobby", 100, 7))).toEqual([6]);
    await device().keep("lobby", [message(7), message(5)], []);
    expect(seqs(await device().history("lobby", 100, 8))).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("replaces a message with a later one of the same number", async () => {
    await device().keep("lobby", range(1, 3), []);
    await device().keep("lobby", [message(2, "lobby", "another")], []);
    expect(await device().history("lobby", 100)).toEqual([message(1), message(2, "lobby", "another"), message(3)]);
  });

  test("prunes all but the newest of one room", async () => {
    await device().keep("lobby", [...range(1, 4), ...range(8, 10)], []);
    await device().keep("other", range(1, 2, "other"), []);
    await device().prune("lobby", 100);
    expect(seqs(await device().history("lobby", 100, 5))).toEqual([1, 2, 3, 4]);
    await device().prune("lobby", 5);
    expect(seqs(await device().history("lobby", 100, 5))).toEqual([3, 4]);
    await device().prune("lobby", 2);
    await device().prune("lobby", 2);
    expect(seqs(await device().history("lobby", 100))).toEqual([9, 10]);
    await device().prune("lobby", 0);
    expect(await device().history("lobby", 100)).toEqual([]);
    await device().prune("lobby", 0);
    expect(seqs(await device().history("other", 100))).toEqual([1, 2]);
  });

  test("stores thousands of messages at once", async () => {
    await device().put(outgoing("lobby-1999"));
    await device().keep("lobby", range(1, 2_000), ids(await device().outbox()));
    expect(seqs(await device().history("lobby", 3, 1_000))).toEqual([997, 998, 999]);
    expect(await device().history("lobby", 5_000)).toEqual(range(1, 2_000));
    expect(await device().outbox()).toEqual([]);
    await device().prune("lobby", 500);
    expect(await device().history("lobby", 5_000)).toEqual(range(1_501, 2_000));
  }, 60_000); // the IndexedDB of the tests takes seconds for this on a busy machine
}

function epochSuite({ device, another }: Tabs): void {
  test("removes the history of a room when another epoch begins", async () => {
    await device().keep("lobby", range(1, 3), []);
    await device().keep("lobby2", range(1, 3, "lobby2"), []);
    expect(await device().get("epoch:lobby")).toBeUndefined();
    await device().begin("lobby", "a");
    expect([await device().get("epoch:lobby"), await device().history("lobby", 9, undefined, "a")]).toEqual(["a", []]);
    await device().keep("lobby", range(1, 3), [], "a");
    await device().begin("lobby", "a");
    expect(seqs(await device().history("lobby", 9, undefined, "a"))).toEqual([1, 2, 3]);
    await device().begin("lobby", "b");
    await device().begin("lobby", "a");
    expect(await device().history("lobby", 9, undefined, "a")).toEqual([]);
    await device().keep("lobby", range(1, 3), [], "a");
    await device().begin("lobby", undefined);
    expect([await device().get("epoch:lobby"), await device().history("lobby", 9)]).toEqual([undefined, []]);
    expect(seqs(await device().history("lobby2", 9))).toEqual([1, 2, 3]);
  });

  test("neither keeps nor returns messages of another epoch, and removes them from the outbox all the same", async () => {
    const other = await another();
    await device().begin("lobby", "a");
    await device().keep("lobby", range(1, 9), [], "a");
    await other.begin("lobby", "b");
    await other.keep("lobby", range(1, 5), [], "b");
    await device().put(outgoing("lobby-6"));
    await device().keep("lobby", [message(6)], ["lobby-6"], "a");
    await device().keep("lobby", [message(7)], []);
    expect(seqs(await other.history("lobby", 9, undefined, "b"))).toEqual([1, 2, 3, 4, 5]);
    expect(
      await Promise.all([
        device().history("lobby", 9, undefined, "a"),
        device().history("lobby", 9, 3, "a"),
        device().history("lobby", 9),
      ]),
    ).toEqual([[], [], []]);
    expect(await device().outbox()).toEqual([]);
  });
}

function roomsSuite({ device }: Tabs): void {
  test("returns what it has of rooms, all at once", async () => {
    const none: Recorded = { newest: [], read: undefined, draft: undefined, epoch: undefined, back: undefined };
    await device().keep("lobby", [...range(1, 12), message(20)], []);
    await device().keep("lobby2", range(1, 3, "lobby2"), []);
    await device().set("read:lobby", 7);
    await device().set("draft:lobby", "a\0b");
    await device().set("back:lobby", "");
    await device().begin("tea", "e");
    await device().keep("tea", [message(3, "tea")], [], "e");
    await device().set("read:te", 9);
    const rooms = await device().rooms(["lobby", "tea", "unknown", "lob", "te"]);
    expect(rooms).toEqual(
      new Map<string, Recorded>([
        ["lobby", { ...none, newest: [message(20)], read: 7, draft: "a\0b", back: "" }],
        ["tea", { ...none, newest: [message(3, "tea")], epoch: "e" }],
        ["unknown", none],
        ["lob", none],
        ["te", { ...none, read: 9 }],
      ]),
    );
    expect(await device().rooms([])).toEqual(new Map());
  });

  test("returns every room of which it has messages, with the time of the newest", async () => {
    expect(await device().histories()).toEqual([]);
    for (const room of ["b", "a", "a.b", "a0", "9"]) await device().keep(room, range(1, 3, room), []);
    await device().keep("b", [message(4, "b")], []);
    await device().prune("a", 0);
    await device().set("read:c", 1);
    const at = Object.fromEntries((await device().histories()).map((h) => [h.room, h.at]));
    const third = message(3).stored_at;
    expect(at).toEqual({ b: message(4).stored_at, "a.b": third, a0: third, "9": third });
  });
}

function outboxSuite({ device, another }: Tabs): void {
  test("keeps the outbox in the order of writing", async () => {
    for (const id of ["z", "a", "m"]) await device().put(outgoing(id));
    await device().put(failed("z", "no"));
    expect(await device().outbox()).toEqual([failed("z", "no"), outgoing("a"), outgoing("m")]);
    await device().remove("a");
    await device().remove("unknown");
    expect(ids(await (await another()).outbox())).toEqual(["z", "m"]);
    await device().put(outgoing("a"));
    expect(ids(await device().outbox())).toEqual(["z", "m", "a"]);
  });

  test("keeps that order while messages are removed and added", async () => {
    for (const id of ["a", "b", "c"]) await device().put(outgoing(id));
    for (const id of ["c", "b"]) await device().remove(id);
    for (const id of ["d", "b"]) await device().put(outgoing(id));
    expect(ids(await device().outbox())).toEqual(["a", "d", "b"]);
  });

  test("removes messages that have come back from the outbox", async () => {
    for (const id of ["lobby-1", "lobby-2", "lobby-3"]) await device().put(outgoing(id));
    await device().keep("lobby", [message(1), message(2), message(4)], ["lobby-2", "lobby-4"]); // another client's message has the id lobby-1
    await device().keep("lobby", [message(2)], ["lobby-2"]);
    expect(ids(await device().outbox())).toEqual(["lobby-1", "lobby-3"]);
    expect(seqs(await device().history("lobby", 1))).toEqual([4]);
  });
}

function orderSuite({ device, another }: Tabs): void {
  test("applies concurrent calls in their order", async () => {
    const d = device();
    const box = [
      d.put(outgoing("a")),
      d.put(outgoing("lobby-1")),
      d.put(outgoing("b")),
      d.remove("a"),
      d.keep("lobby", [message(1)], ["lobby-1"]),
      d.put(outgoing("a")),
    ];
    const rest = [d.set("read:x", 1), d.set("read:x", 2), d.keep("lobby", range(2, 5), []), d.prune("lobby", 2)];
    const [read, log, list] = [d.get("read:x"), d.history("lobby", 9), d.outbox()];
    await Promise.all([...box, ...rest]);
    expect([await read, seqs(await log), ids(await list)]).toEqual([2, [4, 5], ["b", "a"]]);
  });

  test("resolves puts in their order", async () => {
    const answered: string[] = [];
    const names = ["a", "b", "c", "a", "d"];
    await Promise.all(
      names.map((id) =>
        device()
          .put(outgoing(id))
          .then(() => answered.push(id)),
      ),
    );
    expect(answered).toEqual(names);
  });

  test("is the same for all tabs", async () => {
    const [one, other] = [device(), await another()];
    await one.put(outgoing("a"));
    await other.put(outgoing("b"));
    await one.put(outgoing("c"));
    await other.set("rooms", ["x"]);
    await other.keep("lobby", range(1, 2), []);
    await one.keep("lobby", [message(3)], []);
    expect(ids(await one.outbox())).toEqual(["a", "b", "c"]);
    expect(await other.outbox()).toEqual(await one.outbox());
    expect(await one.get("rooms")).toEqual(["x"]);
    expect(seqs(await other.history("lobby", 9))).toEqual([1, 2, 3]);
  });

  test("still has everything after it was closed", async () => {
    await Promise.all([
      device().put(outgoing("a")),
      device().keep("lobby", range(1, 2), []),
      device().set("rooms", ["a"]),
    ]);
    device().close();
    const again = await another();
    expect([ids(await again.outbox()), seqs(await again.history("lobby", 9)), await again.get("rooms")]).toEqual([
      ["a"],
      [1, 2],
      ["a"],
    ]);
  });
}

function eraseSuite({ device, another }: Tabs): void {
  test("is empty after it was erased, even while another tab has it open", async () => {
    const other = await another();
    await device().keep("lobby", range(1, 3), []);
    await device().put(outgoing("a"));
    await device().set("rooms", ["lobby"]);
    await device().erase();
    other.close();
    const fresh = await another();
    expect([await fresh.history("lobby", 10), await fresh.outbox(), await fresh.get("rooms")]).toEqual([
      [],
      [],
      undefined,
    ]);
    await fresh.put(outgoing("b"));
    expect(ids(await fresh.outbox())).toEqual(["b"]);
  });
}
