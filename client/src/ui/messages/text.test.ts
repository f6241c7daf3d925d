import { beginningOf, harmless, segmentsOf, type Segment } from "./text";

const shown = (segments: readonly Segment[]) => segments.map((s) => `${s.is}:${s.text}`);

test.each<[string, string[]]>([
  ["hello", ["text:hello"]],
  ["see https://a.org/b?c=d#e.", ["text:see ", "link:https://a.org/b?c=d#e", "text:."]],
  [
    "(https://a.org/x_(y)) and http://b.org, mailto:a@b.org!",
    [
      "text:(",
      "link:https://a.org/x_(y)",
      "text:) and ",
      "link:http://b.org",
      "text:, ",
      "link:mailto:a@b.org",
      "text:!",
    ],
  ],
  ["https://a.org/<script>", ["link:https://a.org/", "text:<script>"]],
  [
    "javascript:alert(1) data:text/html,x vbscript:x file:///etc",
    ["text:javascript:alert(1) data:text/html,x vbscript:x file:///etc"],
  ],
  ["https:// and http://.", ["text:https:// and http://."]],
  ["run `ls -l` now", ["text:run ", "code:ls -l", "text: now"]],
  ["```\na\n b\n```\nafter", ["block:a\n b", "text:after"]],
  ["`https://a.org`", ["code:https://a.org"]],
  ["see http://a.org。", ["text:see ", "link:http://a.org", "text:。"]],
  ["HTTPS://A.org mailto:a@b", ["link:HTTPS://A.org", "text: ", "link:mailto:a@b"]],
  ["http://a.org@b.org http://пример.рф", ["link:http://a.org@b.org", "text: ", "link:http://пример.рф"]],
  ["one\r\ntwo\rthree", ["text:one\ntwo\nthree"]],
  ["a ` b\nc ` d", ["text:a ` b\nc ` d"]],
  ["`````` ``", ["text:`````` ``"]],
])("%j is split", (message, segments) => {
  expect(shown(segmentsOf(message))).toEqual(segments);
});

test("Links lead to the address that they show", () => {
  expect(segmentsOf("https://a.org/\u202egpj.exe")).toEqual([
    { is: "link", text: "https://a.org/gpj.exe", href: "https://a.org/gpj.exe" },
  ]);
  expect(shown(segmentsOf("https://exam\u200bple.org"))).toEqual(["text:https://exam\u200bple.org"]);
});

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

const pieces = [
  "`",
  "```",
  "https://",
  "`a",
  "```a\n",
  "(",
  "http://x)",
  "https://x))))",
  "mailto:",
  ".",
  "http://x....",
  "[link](http://x)",
  "\u0301",
  "\u200b",
  `http://${".".repeat(32_000)}x `,
  `http://x${")".repeat(32_000)}`,
];
test.each(pieces.map((piece) => ({ piece, begins: piece.slice(0, 20) })))(
  "A message made only of $begins is split in time",
  ({ piece }) => {
    const text = piece.repeat(Math.ceil(1_000_000 / piece.length)); // would take minutes in quadratic time
    expect(segmentsOf(text).length).toBeLessThanOrEqual(text.length);
  },
);

describe("The beginning of a long message", () => {
  const beginning = (text: string) =>
    beginningOf(segmentsOf(text))
      ?.map((s) => s.text)
      .join("") ?? null;

  test("exists only if the message is long", () => {
    expect(beginning("short\n".repeat(13))).toBeNull();
    expect(beginning("x".repeat(1_200))).toBeNull();
    expect(beginning("x".repeat(1_201))).toBe(`${"x".repeat(1_200)}…`);
  });

  test("ends after a whole character or a whole line", () => {
    expect(beginning("x".repeat(1_199) + "👋 and more")).toBe(`${"x".repeat(1_199)}…`);
    expect(beginning("line\n".repeat(100))).toBe(`${"line\n".repeat(14).trim()}…`);
    expect(beginning("\n".repeat(3000))).toBe("…");
  });

  test("keeps code and links as they are", () => {
    const segments = beginningOf(segmentsOf(`see\n\`\`\`\n${"line\n".repeat(40)}\`\`\` and \`more\``));
    expect(segments).toEqual([
      { is: "text", text: "see\n" },
      { is: "block", text: `${"line\n".repeat(13).trim()}…` },
    ]);
    const address = `https://a.org/${"x".repeat(2_000)}`;
    expect(beginningOf(segmentsOf(address))).toEqual([
      { is: "link", text: `${address.slice(0, 1_200)}…`, href: address },
    ]);
  });

  test("counts across all segments", () => {
    const many = beginningOf(segmentsOf("`a` ".repeat(2_000)));
    expect(many?.length).toBe(1_201);
    expect(many?.at(-1)).toEqual({ is: "text", text: "…" });
    expect(beginning("```\na\n```\n".repeat(20))).toBe(`${"a".repeat(14)}…`);
  });
});
