import { message, unsent } from "./fakes";
import { byteLength, faultOf, maxBytes, messageFrom, outgoingsFrom, roomPattern, sendable } from "./message";

const samples = ["", "a", "é", "€", "😀", "👩‍👩‍👧‍👦", "a\ud800b", "\udc00", "\ud83d", "مرحبا", "日本", "\u0000\uffff"];

test.each(samples)("the length of %j is counted in bytes of UTF-8", (text) => {
  expect(byteLength(text)).toBe(new TextEncoder().encode(text).length);
});

test("texts that the server would reject are rejected", () => {
  expect([faultOf(""), faultOf(" \n\t\u00a0"), faultOf("a"), faultOf(" a")]).toEqual(["empty", "empty", null, null]);
  expect(faultOf("€".repeat(maxBytes / 3))).toBeNull();
  expect(faultOf("a".repeat(maxBytes))).toBeNull();
  expect(faultOf("a".repeat(maxBytes + 1))).toBe("too long");
  expect(() => sendable(" ")).toThrow("empty");
  expect(() => sendable("a".repeat(maxBytes + 1))).toThrow("too long");
});

test("lone surrogates are replaced, whole characters and spaces stay", () => {
  expect(sendable(" a\ud83d b\ude00 😀 ")).toBe(" a\ufffd b\ufffd 😀 ");
});

test.each([
  ["lobby", true],
  ["0a.b_c-d", true],
  ["a".repeat(64), true],
  ["a".repeat(65), false],
  [".a", false],
  ["A", false],
  ["a/b", false],
  ["", false],
  ["a\n", false],
])("%j is the name of a room: %j", (name, is) => expect(roomPattern.test(name)).toBe(is));

test("a message that an earlier version has stored gets its kind, and what is none is recognized", () => {
  const { kind: _, ...bare } = message(7);
  expect(messageFrom(bare)).toEqual(message(7));
  expect(messageFrom({ ...bare, later: "field" })).toMatchObject(message(7));
  const bad = [null, undefined, 7, "x", [], {}, { ...bare, seq: "7" }, { ...bare, seq: 0 }, { ...bare, seq: 1.5 }];
  const worse = [
    { ...bare, msg: null },
    { ...bare, client_id: 7 },
    { ...bare, sent_at: undefined },
    { ...bare, id: {} },
  ];
  expect([...bad, ...worse].map(messageFrom)).toEqual([...bad, ...worse].map(() => null));
});

test("the outbox of an earlier version is carried over, in its order", () => {
  const old = { room: "lobby", msg: "a", written_at: "2026-01-01T00:00:00Z" };
  const stored = [
    { ...old, id: "a", state: "waiting" },
    { ...old, id: "b", state: "waiting", reason: "status 403" },
    { ...old, id: "c", state: "failed", reason: "no" },
    { ...old, id: "d", state: "conflict", reason: "another text" },
    { ...old, id: "e", state: "failed" },
    null,
    { id: 7 },
  ];
  const { reason: __, state: _, ...written } = unsent("");
  expect(outgoingsFrom(stored)).toEqual([
    unsent("a", { order: 1 }),
    unsent("b", { order: 2, reason: { code: "unreachable", text: "status 403" } }),
    { ...written, id: "c", order: 3, state: "failed", conflict: false, reason: { code: "invalid", text: "no" } },
    {
      ...written,
      id: "d",
      order: 4,
      state: "failed",
      conflict: true,
      reason: { code: "conflict", text: "another text" },
    },
    { ...written, id: "e", order: 5, state: "failed", conflict: false, reason: { code: "invalid", text: "" } },
  ]);
});

test("a stored outbox is read as it was stored, but for a message that was being sent", () => {
  const { reason: _, state: __, ...written } = unsent("x", { order: 9 });
  const failed = { ...written, state: "failed", conflict: false, reason: { code: "invalid", text: "no" } };
  const sending = { ...unsent("y", { order: 12 }), state: "sending" };
  expect(outgoingsFrom([failed, sending, { ...unsent("z"), order: undefined }])).toEqual([
    failed,
    unsent("y", { order: 12 }),
    unsent("z", { order: 13 }),
  ]);
});
