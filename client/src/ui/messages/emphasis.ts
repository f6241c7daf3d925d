import type { Inline, Styled } from "./inline";

/** A run of `*`, `_` or `~` that may begin or end a style. */
export interface Mark {
  readonly is: "mark";
  readonly text: string;
  readonly opens: boolean;
  readonly closes: boolean;
}

/** The styles of the runs that have one, the inner one first. */
const styles: Readonly<Record<string, readonly Styled["is"][]>> = {
  "*": ["italic"],
  _: ["italic"],
  "**": ["bold"],
  "***": ["italic", "bold"],
  "~~": ["strike"],
};

/**
 * Returns the run at an index; null if it is plain text. A style begins at the beginning of a word and ends at the end of one, so that
 * snake_case and 2*3*4 stay as they are. Scripts that write no spaces between words have no such borders.
 */
export function markAt(text: string, at: number, run: string): Mark | null {
  if (!Object.hasOwn(styles, run)) return null;
  const before = text.slice(Math.max(0, at - 1), at);
  const after = text.slice(at + run.length, at + run.length + 1);
  const opens = !isSpace(after) && !isWord(before);
  const closes = !isSpace(before) && !isWord(after);
  return opens || closes ? { is: "mark", text: run, opens, closes } : null;
}

function isSpace(character: string): boolean {
  return /^\s?$/.test(character);
}

function isWord(character: string): boolean {
  return character < "\u2e80" && /[\p{L}\p{N}]/u.test(character);
}

interface Open {
  readonly mark: Mark;
  readonly children: Inline[];
}

/** Turns runs that belong together into styles. A style ends in the line in which it begins; other runs become text. */
export function pairMarks(parts: readonly (Inline | Mark)[]): readonly Inline[] {
  const all: Inline[] = [];
  const open: Open[] = []; // at most one of each kind, so that styles are nested at most five deep
  const inner = () => open.at(-1)?.children ?? all;
  /** Makes the last open run a text again. */
  const giveUp = () => {
    const last = open.pop();
    if (last === undefined) return;
    append(inner(), { is: "text", text: last.mark.text });
    for (const child of last.children) append(inner(), child);
  };
  for (const part of parts) {
    if (part.is !== "mark") {
      if (part.is === "text" && part.text.includes("\n")) while (open.length > 0) giveUp();
      append(inner(), part);
      continue;
    }
    const place = open.findIndex(({ mark }) => mark.text === part.text);
    if (place >= 0 && part.closes) {
      while (open.length > place + 1) giveUp();
      const closed = open.pop();
      if (closed !== undefined) append(inner(), styled(part.text, closed.children));
    } else if (part.opens) {
      if (place >= 0) while (open.length > place) giveUp(); // the later beginning counts
      open.push({ mark: part, children: [] });
    } else append(inner(), { is: "text", text: part.text });
  }
  while (open.length > 0) giveUp();
  return all;
}

function styled(run: string, children: readonly Inline[]): Inline {
  const [first = "italic", second] = styles[run] ?? [];
  const inner: Styled = { is: first, children };
  return second === undefined ? inner : { is: second, children: [inner] };
}

/** Appends a piece. Texts that follow each other become one. */
function append(list: Inline[], piece: Inline): void {
  const last = list.at(-1);
  if (piece.is === "text" && last?.is === "text") list[list.length - 1] = { is: "text", text: last.text + piece.text };
  else list.push(piece);
}
