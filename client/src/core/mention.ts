/** A part of a text: from the first index up to, but not including, the second. */
export type Span = readonly [start: number, end: number];

/** What belongs to a word: letters, digits, marks, and what joins emoji. */
const inWord = /^[\p{L}\p{N}\p{M}_\u200d\ufe0f\u{1f3fb}-\u{1f3ff}]/u;
/** What belongs to a word if the word goes on directly behind it, as in names of several parts. */
const joins = /^[.@-]/;
/** What is not followed by a mention: a word, as in e-mail addresses, another @, and a path. */
const beforeNoMention = /[\p{L}\p{N}\p{M}_@/]$/u;

/**
 * Returns where a text mentions a client: its exact name after an @, not inside a longer word, an address or code. The time is linear in the
 * length of the text.
 */
export function mentions(text: string, client: string): readonly Span[] {
  const found: Span[] = [];
  const wanted = `@${client}`;
  if (client === "" || !text.includes(wanted)) return found;
  const code = codeIn(text);
  let next = 0;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
    const end = at + wanted.length;
    while (next < code.length && (code[next]?.[1] ?? 0) <= at) next++;
    const inCode = (code[next]?.[0] ?? Infinity) < end;
    if (!inCode && standsAlone(text, at, end)) found.push([at, end]);
  }
  return found;
}

/** Whether the part of a text from an @ to the end of a name is not inside a longer word or an address. */
export function standsAlone(text: string, start: number, end: number): boolean {
  if (beforeNoMention.test(text.slice(Math.max(0, start - 2), start))) return false;
  const rest = text.slice(end, end + 16);
  return !inWord.test(rest) && !inWord.test(rest.replace(joins, ""));
}

/** A line that begins or ends a block of code. */
const fence = /^ {0,3}(`{3,}|~{3,})(.*)$/;

/** Returns where a text has code, as in Markdown: blocks between fences, and spans between equal numbers of backticks in a paragraph. */
export function codeIn(text: string): readonly Span[] {
  const code: Span[] = [];
  let paragraph = 0;
  let block: { readonly start: number; readonly mark: string } | undefined;
  for (let start = 0; start <= text.length;) {
    const end = text.indexOf("\n", start) < 0 ? text.length : text.indexOf("\n", start);
    const line = text.slice(start, end);
    const [, mark = "", rest = ""] = fence.exec(line) ?? [];
    if (block !== undefined) {
      if (mark.startsWith(block.mark) && rest.trim() === "") {
        code.push([block.start, end]);
        block = undefined;
        paragraph = end + 1;
      }
    } else if (mark !== "" && !(mark.startsWith("`") && rest.includes("`"))) {
      spansIn(text, paragraph, start, code);
      block = { start, mark };
    } else if (line.trim() === "") {
      spansIn(text, paragraph, start, code);
      paragraph = end + 1;
    }
    start = end + 1;
  }
  if (block !== undefined) code.push([block.start, text.length]);
  else spansIn(text, paragraph, text.length, code);
  return code;
}

/** Adds the spans of code between two places of a text. */
function spansIn(text: string, from: number, to: number, code: Span[]): void {
  const runs = [...text.slice(from, to).matchAll(/`+/g)].map((run) => ({
    at: from + run.index,
    length: run[0].length,
  }));
  /** For each length, the runs that can still close a span, the last one first. */
  const closers = new Map<number, number[]>();
  for (const { at, length } of [...runs].reverse()) {
    const same = closers.get(length) ?? [];
    if (same.push(at) === 1) closers.set(length, same);
  }
  let end = from;
  for (const { at, length } of runs) {
    const possible = closers.get(length) ?? [];
    while ((possible.at(-1) ?? Infinity) <= at) possible.pop();
    const close = possible.at(-1);
    if (at < end || close === undefined) continue;
    end = close + length;
    code.push([at, end]);
  }
}
