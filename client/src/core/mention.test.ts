import { codeIn, mentions } from "./mention";

const marked = (text: string, client = "ann") =>
  mentions(text, client).map(([start, end]) => `${start}:${text.slice(start, end)}`);

describe("a mention", () => {
  test.each([
    ["@ann", ["0:@ann"]],
    ["hello @ann!", ["6:@ann"]],
    ["(@ann), @ann: and @ann's and @ann.", ["1:@ann", "8:@ann", "18:@ann", "29:@ann"]],
    ["@ann... are you there", ["0:@ann"]],
    ["a\n@ann\nb", ["2:@ann"]],
    ["**@ann**", ["2:@ann"]],
    ["你好 @ann 你", ["3:@ann"]],
    ["🦦@ann", ["2:@ann"]],
  ])("is one's own exact name after an @: %j", (text, found) => expect(marked(text)).toEqual(found));

  test.each([
    "ann",
    "@Ann",
    "@anna",
    "@ann_b",
    "@ann-marie",
    "@ann.smith",
    "@ann@example.org",
    "me@ann",
    "@@ann",
    "https://example.org/@ann",
    "@annä",
    "@ann\u0301",
    "@ann1",
    "@ an n",
    "",
  ])("is not part of a longer word or address: %j", (text) => expect(marked(text)).toEqual([]));

  test.each([
    ["Ann Lee", "thanks @Ann Lee!", ["7:@Ann Lee"]],
    ["a.b", "@a.b and @a.b.c and @axb", ["0:@a.b"]],
    ["+49", "call @+49", ["5:@+49"]],
    ["👩", "@👩 and @👩‍💻", ["0:@👩"]],
    ["小明", "@小明 你好 @小明天", ["0:@小明"]],
    ["$&", "@$&", ["0:@$&"]],
    ["", "@ @", []],
  ])("of %j may have any characters", (client, text, found) => expect(marked(text, client)).toEqual(found));
});

describe("code has no mentions", () => {
  test.each([
    ["`@ann`", []],
    ["``@ann ` @ann``", []],
    ["`a` @ann `b`", ["4:@ann"]],
    ["`@ann", ["1:@ann"]],
    ["`a\n\n@ann`", ["4:@ann"]],
    ["`a\n@ann`", []],
    ["```\n@ann\n```\n@ann", ["13:@ann"]],
    ["```js\n@ann", []],
    ["~~~\n@ann\n```\n@ann\n~~~\n@ann", ["22:@ann"]],
    ["````\n```\n@ann\n````", []],
    ["```@ann```", []],
    ["a ` b\n```\n@ann ` x\n```", []],
  ])("%j", (text, found) => expect(marked(text)).toEqual(found));

  test("spans are in order, and do not overlap", () => {
    const text = "`a` ``b` c`` ```\nx\n```\n```\ny\n```\n`z`";
    const spans = codeIn(text);
    expect(spans.every(([start, end], i) => start < end && start >= (spans[i - 1]?.[1] ?? 0))).toBe(true);
  });
});

test.each([
  ["@ann".repeat(8_000)],
  ["`".repeat(32_000)],
  ["` ``  ".repeat(5_000) + "@ann"],
  [Array.from({ length: 250 }, (_, n) => "`".repeat(n)).join(" ") + "@ann"],
  ["\n".repeat(32_000) + "@ann"],
  ["```\n@ann\n".repeat(3_500)],
])("the longest text is read in linear time", (text) => {
  mentions(text.repeat(8), "ann"); // in quadratic time it would not end within the limit of a test
});
