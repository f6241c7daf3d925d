import { acceptedOf, entriesOf, joinedOf, pageOf, receivedOf, resetOf } from "./door";
import { message, messages } from "./fakes";

const strange = [undefined, null, true, 7, "x", [], [[]], {}, () => 0];

/** Changes of a message, each of which makes it malformed. */
const faults: Record<string, unknown>[] = [
  ...[undefined, null, "", 7, {}, "x".repeat(200)].map((id) => ({ id })),
  ...[undefined, null, "", "Lobby", "../x", "a b", "x".repeat(65), 7, ["lobby"]].map((room) => ({ room })),
  ...[undefined, null, "1", 0, -1, 1.5, NaN, Infinity, 2 ** 53, 1n, {}].map((seq) => ({ seq })),
  ...[undefined, null, "", 7, {}, "x".repeat(9_999)].map((client_id) => ({ client_id })),
  ...[undefined, null, 7, {}, ["x"], "x".repeat(32_769), "ä".repeat(20_000)].map((msg) => ({ msg })),
  ...["sent_at", "stored_at"].flatMap((name) =>
    [undefined, null, "", 0, "soon", "2026-13-45T99:00:00Z", "1767225600000", new Date(0), "x".repeat(9_999)].map(
      (time) => ({ [name]: time }),
    ),
  ),
  { kind: 7, seq: "x" },
];

describe("a message", () => {
  test.each(strange)("is not %p", (value) => expect(receivedOf(value)).toEqual({ is: "malformed" }));

  test.each(faults)("with %p is malformed", (fault) =>
    expect(receivedOf({ ...message(1), ...fault })).toEqual({ is: "malformed" }),
  );

  test("has only the fields that this version knows", () =>
    expect(receivedOf({ ...message(1), kind: "message", edited: { by: "eve" }, constructor: 1 })).toEqual({
      is: "message",
      message: message(1),
    }));

  test("may have any text up to the limit, and times as the server writes them", () => {
    const change = { msg: "😀".repeat(8_192), sent_at: "2026-03-01T11:00:00.120000Z", seq: Number.MAX_SAFE_INTEGER };
    expect(receivedOf({ ...message(1), ...change })).toEqual({ is: "message", message: message(1, change) });
  });

  test("of an unknown kind is passed over, whatever else it has", () =>
    expect(receivedOf({ kind: "reaction", seq: 1, to: {} })).toEqual({ is: "unknown" }));
});

describe("a page", () => {
  const page = (list: unknown, change = {}) => ({ messages: list, last_seq: 9, oldest_seq: 1, ...change });

  test("is read with its epoch, without unknown fields", () => {
    expect(pageOf(page(messages(1, 3), { epoch: "e", next: "/x" }), "lobby")).toEqual({
      ...page(messages(1, 3)),
      epoch: "e",
    });
    expect(pageOf(page([]), "lobby")).toEqual(page([]));
  });

  test.each(faults)("in which one message has %p is malformed", (fault) =>
    expect(pageOf(page([message(1), { ...message(2), ...fault }, message(3)]), "lobby")).toBeNull(),
  );

  test.each([
    [page({})],
    [page("x")],
    [page([], { last_seq: "9" })],
    [page([], { oldest_seq: -1 })],
    [page([], { epoch: 7 })],
    [page([message(2), message(1)])],
    [page([message(1), message(1)])],
    [page(messages(1, 2, { room: "garden" }))],
    ...strange.map((value) => [value]),
  ])("is not %p", (value) => expect(pageOf(value, "lobby")).toBeNull());

  test("begins after the last entry of an unknown kind, because a log has no gaps", () =>
    expect(pageOf(page([...messages(1, 2), { kind: "note", seq: 3 }, ...messages(4, 5)]), "lobby")?.messages).toEqual(
      messages(4, 5),
    ));
});

describe("a list of rooms", () => {
  test("leaves out malformed rooms, and counts them", () => {
    const good = [
      { name: "a", last_seq: 0 },
      { name: "b", last_seq: 3, last_stored_at: "2026-01-01T00:00:00Z" },
    ];
    const bad = [null, "c", { name: "C", last_seq: 1 }, { name: "c" }, { name: "c", last_seq: 1, last_stored_at: "x" }];
    const { rooms, malformed } = entriesOf({ rooms: [good[0], ...bad, { ...good[1], title: "B" }] }) ?? {};
    expect([rooms, malformed]).toEqual([good, 5]);
    expect(entriesOf({ rooms: [], epoch: "e", next: "/rooms?after=b" })).toMatchObject({ complete: false, epoch: "e" });
    expect(entriesOf({ rooms: [] })).toMatchObject({ complete: true, epoch: undefined });
  });

  test.each(strange)("is not %p", (value) => {
    expect(entriesOf(value)).toBeNull();
    expect(entriesOf({ rooms: value })).toEqual(Array.isArray(value) ? expect.anything() : null);
  });
});

describe("the answer to a join", () => {
  const reset = { room: "a", reason: "floor", after: 7 };
  test("has numbers, and perhaps an epoch and a reset", () => {
    expect(joinedOf({ last_seq: 1, oldest_seq: 0, more: 1 })).toEqual({ last_seq: 1, oldest_seq: 0 });
    expect(joinedOf({ last_seq: 1, oldest_seq: 0, epoch: "e", reset: { ...reset, from: 3 } })).toEqual({
      last_seq: 1,
      oldest_seq: 0,
      epoch: "e",
      reset,
    });
  });
  test.each(strange)("is not %p, and neither is its reset", (value) => {
    expect(joinedOf(value)).toBeNull();
    if (value !== undefined && value !== null)
      expect(joinedOf({ last_seq: 1, oldest_seq: 1, reset: value })).toBeNull();
    expect(resetOf(value)).toBeNull();
  });
});

test("a receipt is that of the message, with a time", () => {
  expect(acceptedOf({ id: "i", sent_at: "2026-01-01T00:00:00Z" }, "i")).toBe("2026-01-01T00:00:00Z");
  expect(acceptedOf({ id: "j", sent_at: "2026-01-01T00:00:00Z" }, "i")).toBeNull();
  expect(acceptedOf({ id: "i", sent_at: "now" }, "i")).toBeNull();
});
