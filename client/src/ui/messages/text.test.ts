import { beginningOf, harmless, isFewEmoji } from "./text";

test("No character affects anything outside the text", () => {
  expect(harmless("\u202eabc\u2066\u2069")).toBe("abc");
  expect(harmless("a\u200b".padEnd(5000, "\u200b") + "b").length).toBe(10);
  expect(harmless("Z" + "\u0301".repeat(1000)).length).toBe(9);
  expect(harmless("Z" + "\u0301\u200b\u0489\ufe0f".repeat(1000)).length).toBe(9);
  expect(harmless("\u200e\u3164\u{e0041}".repeat(1000)).length).toBeLessThan(20);
  expect(harmless("a\u0000\u001b[31mb\tc\nd")).toBe("a\ufffd\ufffd[31mb\tc\nd");
  const innocent = "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 नमस्ते สวัสดี العَرَبِيَّة \u200fשלום";
  expect(harmless(innocent)).toBe(innocent);
});

test.each(["👍", " 🎉🎉🎉 ", "👩‍👩‍👧‍👦", "🕵️‍♀️", "🇩🇪 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "❤️", "1️⃣", "👋🏽", "☀️", "🏳️‍🌈", "🧑🏽‍💻👍🏿"])(
  "%j is a few emoji",
  (text) => {
    expect(isFewEmoji(text)).toBe(true);
  },
);

test.each(["", "1", "#", "12", "ok 👍", "👍👍👍👍", "©", "🇩", "\ufe0f", "👍".repeat(40_000), "—", "日本"])(
  "%j is not",
  (text) => {
    expect(isFewEmoji(text)).toBe(false);
  },
);

describe("The beginning of a long message", () => {
  test("exists only if the message is long", () => {
    expect(beginningOf("short\n".repeat(13))).toBeNull();
    expect(beginningOf("short\n".repeat(14))).toBeNull(); // what follows is empty
    expect(beginningOf("x".repeat(1_200))).toBeNull();
    expect(beginningOf("x".repeat(1_201))).toBe("x".repeat(1_200));
  });

  test("ends after a whole character or a whole line", () => {
    expect(beginningOf("x".repeat(1_199) + "👋 and more")).toBe("x".repeat(1_199));
    expect(beginningOf("line\n".repeat(100))).toBe("line\n".repeat(14).trim());
    expect(beginningOf(`${"\n".repeat(3000)}x`)).toBe("");
  });
});
