import { inlinesOf, type Inline } from "./inline";
import { harmless } from "./text";

/** A part of a message as it is drawn. */
export type Block =
  | { readonly is: "paragraph"; readonly children: readonly Inline[] }
  | { readonly is: "block"; readonly language: string; readonly text: string }
  | { readonly is: "list"; readonly items: readonly Item[] }
  | { readonly is: "quote"; readonly children: readonly Block[] };

/** A point of a list. Its label is a bullet or the number as it was written. */
export interface Item {
  readonly level: number;
  readonly label: string;
  readonly children: readonly Inline[];
}

const deepestQuote = 3;
const deepestList = 3;

/** A `>` before a word, a space or another one. Others are faces such as >:( */
const quoteLine = /^ {0,3}>(?: ?(?=[>\p{L}\p{N}"'`*~@#[(])| |$)/u;
const itemLine = /^([ \t]{0,12})([-*•]|\d{1,9}[.)])[ \t]+(?=\S)/;
const fenceLine = /^ {0,3}(`{3,})([^`]*)$/;
const languageName = /^[\w+#.-]{1,24}$/;

/**
 * Reads a message: paragraphs, lists, quotes and code of more than one line, and the styles, links and code in them. Takes time in
 * proportion to the length, and nests quotes and styles only a few times. Code that has no end is text, unless the message was `cut`.
 */
export function blocksOf(message: string, { me = "", cut = false } = {}): readonly Block[] {
  const blocks = read(harmless(message).split("\n"), { me, cut, depth: 0 });
  return blocks.length > 0 ? blocks : [{ is: "paragraph", children: [{ is: "text", text: harmless(message) }] }];
}

interface Context {
  readonly me: string;
  readonly cut: boolean;
  readonly depth: number;
}

function read(lines: readonly string[], context: Context): readonly Block[] {
  const blocks: Block[] = [];
  const codeAt = codeReader(lines, context.cut);
  let paragraph: string[] = [];
  const endParagraph = () => {
    const text = withoutEmptyLines(paragraph).join("\n");
    paragraph = [];
    if (text !== "") blocks.push({ is: "paragraph", children: inlinesOf(text, context.me) });
  };
  for (let i = 0; i < lines.length;) {
    const found = codeAt(i) ?? quoteAt(lines, i, context) ?? listAt(lines, i, context.me);
    if (found === null) {
      paragraph.push(lines[i] ?? "");
      i++;
      continue;
    }
    endParagraph();
    blocks.push(found.block);
    i = found.next;
  }
  endParagraph();
  return blocks;
}

/** A block and the index of the line after it. */
interface Found {
  readonly block: Block;
  readonly next: number;
}

/** Removes the empty lines at both ends, and spaces at the very end. */
function withoutEmptyLines(lines: readonly string[]): readonly string[] {
  let [start, end] = [0, lines.length];
  while (start < end && lines[start]?.trim() === "") start++;
  while (end > start && lines[end - 1]?.trim() === "") end--;
  return lines.slice(start, end);
}

/**
 * Returns a function that reads the code which begins in a line. Code ends with the next line that ends with as many backticks; a line
 * of backticks alone may have more.
 */
function codeReader(lines: readonly string[], cut: boolean): (i: number) => Found | null {
  const ends = lines.map((line) => /(?<!`)`{3,}(?=\s*$)/.exec(line));
  let endless = Infinity; // fences of so many backticks have no end
  const endOf = (from: number, ticks: number) => {
    for (let i = from; i < lines.length; i++) {
      const { length = 0 } = ends[i]?.[0] ?? "";
      if (length === ticks || (length > ticks && lines[i]?.trim().length === length)) return i;
    }
    return lines.length;
  };
  return (i) => {
    const [, ticks, after = ""] = fenceLine.exec(lines[i] ?? "") ?? [];
    if (ticks === undefined || ticks.length >= endless) return null;
    const end = endOf(i + 1, ticks.length);
    if (end === lines.length && !cut) {
      endless = ticks.length;
      return null;
    }
    const text = codeOf(lines.slice(i + 1, end), after, lines[end]?.slice(0, ends[end]?.index) ?? "");
    return text === null ? null : { block: text, next: end + 1 };
  };
}

/** Returns code with what stands behind its first backticks, the name of a language or code, and before its last ones. */
function codeOf(lines: readonly string[], after: string, before: string): Block | null {
  const language = languageName.test(after.trim()) ? after.trim() : "";
  const text = withoutEmptyLines([...(language === "" ? [after] : []), ...lines, before]).join("\n");
  return text === "" ? null : { is: "block", language, text };
}

function quoteAt(lines: readonly string[], from: number, context: Context): Found | null {
  let next = from;
  if (context.depth < deepestQuote) while (quoteLine.test(lines[next] ?? "")) next++;
  if (next === from) return null;
  const inner = lines.slice(from, next).map((line) => line.replace(/^ {0,3}> ?/, ""));
  return { block: { is: "quote", children: read(inner, { ...context, depth: context.depth + 1 }) }, next };
}

function listAt(lines: readonly string[], from: number, me: string): Found | null {
  const items: Item[] = [];
  const indents: number[] = [];
  let next = from;
  for (let match = itemAt(lines, next); match !== null; match = itemAt(lines, next)) {
    const [whole, indent = "", mark = ""] = match;
    while ((indents.at(-1) ?? -1) >= indent.length) indents.pop();
    const level = Math.min(indents.length, deepestList);
    indents.push(indent.length);
    const start = next;
    next = endOfItem(lines, start + 1);
    const [first = "", ...more] = lines.slice(start, next);
    const text = [first.slice(whole.length), ...more.map((line) => line.trim())].join("\n").trimEnd();
    items.push({ level, label: /\d/.test(mark) ? mark : "•", children: inlinesOf(text, me) });
    if (lines[next]?.trim() === "" && itemAt(lines, next + 1) !== null) next++; // an empty line between two points
  }
  return items.length === 0 ? null : { block: { is: "list", items }, next };
}

function itemAt(lines: readonly string[], i: number): RegExpExecArray | null {
  return itemLine.exec(lines[i] ?? "");
}

/** Returns the index of the first line that does not continue a point. */
function endOfItem(lines: readonly string[], from: number): number {
  let next = from;
  while (/^(?: {2}|\t)\s*\S/.test(lines[next] ?? "") && itemAt(lines, next) === null) next++;
  return next;
}
