import { byteLength, faultOf, maxBytes, roomPattern, sendable } from "./message";

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
