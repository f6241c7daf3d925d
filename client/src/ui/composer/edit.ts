/** A text and the part of it that is selected. */
export interface Edited {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** The ways to format a part of a text. */
export type Format = "bold" | "italic" | "strike" | "code" | "list" | "quote";

const marks: Readonly<Partial<Record<Format, string>>> = { bold: "**", italic: "_", strike: "~~", code: "`" };
const prefixes: Readonly<Partial<Record<Format, string>>> = { list: "- ", quote: "> " };

/** Formats the selected part of a text, or removes the format if it has it. */
export function format(edited: Edited, how: Format): Edited {
  const mark = marks[how];
  const prefix = prefixes[how];
  if (how === "code" && edited.text.slice(edited.start, edited.end).includes("\n")) return fence(edited);
  if (mark !== undefined) return surround(edited, mark);
  return prefix === undefined ? edited : begin(edited, prefix);
}

function surround({ text, start, end }: Edited, mark: string): Edited {
  const inner = text.slice(start, end);
  const { length } = mark;
  if (text.slice(start - length, start) === mark && text.slice(end, end + length) === mark)
    return {
      text: text.slice(0, start - length) + inner + text.slice(end + length),
      start: start - length,
      end: end - length,
    };
  return {
    text: text.slice(0, start) + mark + inner + mark + text.slice(end),
    start: start + length,
    end: end + length,
  };
}

/** Puts lines between fences. */
function fence({ text, start, end }: Edited): Edited {
  const before = start > 0 && text.charAt(start - 1) !== "\n" ? "\n```\n" : "```\n";
  const after = end < text.length && text.charAt(end) !== "\n" ? "\n```\n" : "\n```";
  return {
    text: text.slice(0, start) + before + text.slice(start, end) + after + text.slice(end),
    start: start + before.length,
    end: end + before.length,
  };
}

/** Begins each selected line with a prefix, or removes it from all. */
function begin({ text, start, end }: Edited, prefix: string): Edited {
  const from = text.lastIndexOf("\n", start - 1) + 1;
  const lines = text.slice(from, end).split("\n");
  const all = lines.every((line) => line.startsWith(prefix));
  const changed = lines.map((line) => (all ? line.slice(prefix.length) : prefix + line)).join("\n");
  const grown = changed.length - (end - from);
  const first = all ? -prefix.length : prefix.length;
  return {
    text: text.slice(0, from) + changed + text.slice(end),
    start: Math.max(from, start + first),
    end: end + grown,
  };
}

/** Puts a piece in place of the selected part. */
export function insert({ text, start, end }: Edited, piece: string): Edited {
  const caret = start + piece.length;
  return { text: text.slice(0, start) + piece + text.slice(end), start: caret, end: caret };
}

/** A short name of an emoji that is being written before the caret. `whole` if its second colon is there. */
export interface ShortName {
  readonly start: number;
  readonly name: string;
  readonly whole: boolean;
}

/** Returns the short name before the caret: a colon at the beginning of a word and at least two letters. */
export function shortNameBefore({ text, start, end }: Edited): ShortName | null {
  if (start !== end) return null;
  const [, name, colon] =
    /(?:^|[\s(])(?=:):([a-z0-9_+-]{2,40})(:?)$/i.exec(text.slice(Math.max(0, start - 44), start)) ?? [];
  if (name === undefined) return null;
  const whole = colon === ":";
  return { start: start - name.length - (whole ? 2 : 1), name: name.toLowerCase(), whole };
}
