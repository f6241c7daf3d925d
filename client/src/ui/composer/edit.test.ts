import { format, insert, shortNameBefore, type Edited, type Format } from "./edit";

/** Reads a text in which `|` marks the caret, or the two ends of the selection. */
function parse(marked: string): Edited {
  const [before = "", ...rest] = marked.split("|");
  const text = [before, ...rest].join("");
  return { text, start: before.length, end: before.length + (rest.length > 1 ? (rest[0] ?? "").length : 0) };
}

/** The reverse of parse. */
function show({ text, start, end }: Edited): string {
  const tail = start === end ? "" : `${text.slice(start, end)}|`;
  return `${text.slice(0, start)}|${tail}${text.slice(end)}`;
}

test.each<[Format, string, string]>([
  ["bold", "a |word| b", "a **|word|** b"],
  ["bold", "a **|word|** b", "a |word| b"],
  ["italic", "|word|", "_|word|_"],
  ["strike", "|word|", "~~|word|~~"],
  ["code", "|word|", "`|word|`"],
  ["code", "`|word|`", "|word|"],
  ["bold", "|", "**|**"],
  ["code", "see |a\nb| there", "see \n```\n|a\nb|\n```\n there"],
  ["code", "|a\nb|", "```\n|a\nb|\n```"],
  ["list", "one\n|two\nthree|", "one\n- |two\n- three|"],
  ["list", "- |two\n- three|", "|two\nthree|"],
  ["quote", "wo|rd", "> wo|rd"],
  ["list", "|", "- |"],
])("%s makes of %j %j", (how, before, after) => {
  expect(show(format(parse(before), how))).toBe(after);
});

test("A piece takes the place of the selection", () => {
  expect(show(insert(parse("a |word| b"), "🎉"))).toBe("a 🎉| b");
});

test.each([
  ["hi :smi|", { start: 3, name: "smi", whole: false }],
  [":+1|", { start: 0, name: "+1", whole: false }],
  ["(:smile:|", { start: 1, name: "smile", whole: true }],
  ["at 12:30|", null],
  ["https://a|", null],
  [":s|", null],
  [":smile|x|", null],
  [": smile|", null],
  ["::|", null],
])("The short name before the caret of %j is %j", (text, name) => {
  expect(shortNameBefore(parse(text))).toEqual(name);
});

test("The short name is found in time in a very long text", () => {
  const text = ":a".repeat(500_000);
  expect(shortNameBefore({ text, start: text.length, end: text.length })).toBeNull();
});
