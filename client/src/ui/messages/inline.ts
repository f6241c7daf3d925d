import { standsAlone } from "../../core/mention";
import { markAt, pairMarks, type Mark } from "./emphasis";
import { labelledLink, linkOf, mailLink } from "./links";

/** A piece of a paragraph as it is drawn. */
export type Inline =
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "code"; readonly text: string }
  | { readonly is: "mention"; readonly text: string }
  | Link
  | Styled;

/** A link. `target` is shown behind the text if the text does not say where the link leads. */
export interface Link {
  readonly is: "link";
  readonly text: string;
  readonly href: string;
  readonly target: string | null;
}

export interface Styled {
  readonly is: "bold" | "italic" | "strike";
  readonly children: readonly Inline[];
}

/**
 * A label with an address, an address, backticks, a run of marks, or an @. Every alternative fails early or consumes
 * what it has read. Otherwise the time could grow with the square of the length.
 */
const pieces =
  /\[([^[\]\n]{1,300})\]\(((?:https?:\/\/|mailto:)(?:[^\s()<>]|\([^\s()<>]*\))+)\)|((?:https?:\/\/|www\.(?=[^\s.])|mailto:(?=[^\s<>"'`@]{1,64}@))[^\s<>"'`]+)|(`+)|(\*+|_+|~+)|@/giu;

/** Splits a paragraph into its pieces, in linear time. Mentions of `me` are pieces of their own, unless it is "". */
export function inlinesOf(text: string, me = ""): readonly Inline[] {
  const parts: (Inline | Mark)[] = [];
  const closing = closingTicks(text);
  let end = 0;
  const take = (start: number, length: number, part: Inline | Mark | null) => {
    if (part === null) return;
    if (start > end) parts.push({ is: "text", text: text.slice(end, start) });
    parts.push(part);
    end = pieces.lastIndex = start + length;
  };
  pieces.lastIndex = 0;
  for (let match = pieces.exec(text); match !== null; match = pieces.exec(text)) {
    const [whole, label, target, address, ticks, mark] = match;
    const at = match.index;
    if (label !== undefined && target !== undefined) take(at, whole.length, labelledLink(label, target));
    else if (address !== undefined) {
      const link = linkOf(address);
      take(at, link?.text.length ?? 0, link);
    } else if (mark !== undefined) take(at, mark.length, markAt(text, at, mark));
    else if (ticks !== undefined) {
      const close = closing.get(at);
      if (close !== undefined) take(at, close + whole.length - at, codeOf(text.slice(at + whole.length, close)));
    } else {
      const found = atSign(text, at, end, me);
      if (found !== null) take(found.start, found.part.text.length, found.part);
    }
  }
  if (end < text.length) parts.push({ is: "text", text: text.slice(end) });
  return pairMarks(parts);
}

const mailbox = /[\p{L}\p{N}][\p{L}\p{N}._%+-]{0,63}$/u;
const domain = /@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}_@-])/uy;

/** Returns the e-mail address around an @; null if there is none. It begins at `from` or later. */
function mailAt(text: string, at: number, from: number): { readonly start: number; readonly text: string } | null {
  const before = text.slice(Math.max(from, at - 65), at);
  const [local] = mailbox.exec(before) ?? [];
  if (local === undefined || text.charAt(at - local.length - 1) === "@") return null;
  domain.lastIndex = at;
  const [rest] = domain.exec(text) ?? [];
  return rest === undefined ? null : { start: at - local.length, text: local + rest };
}

/** Returns the e-mail address or the mention around an @; null if it is plain text. It begins at `from` or later. */
function atSign(text: string, at: number, from: number, me: string) {
  const mail = mailAt(text, at, from);
  if (mail !== null) return { start: mail.start, part: mailLink(mail.text) };
  const end = at + 1 + me.length;
  if (me === "" || !text.startsWith(me, at + 1) || !standsAlone(text, at, end)) return null;
  return { start: at, part: { is: "mention", text: text.slice(at, end) } as const };
}

/** Returns where the code ends that begins at an index: at the next equally long run of backticks in the same line. */
function closingTicks(text: string): ReadonlyMap<number, number> {
  const closing = new Map<number, number>();
  const open = new Map<number, number>();
  for (const { 0: run, index } of text.matchAll(/`+|\n/g)) {
    if (run === "\n") {
      open.clear();
      continue;
    }
    const start = open.get(run.length);
    if (start !== undefined) closing.set(start, index);
    open.set(run.length, index);
  }
  return closing;
}

/** Code may have a space at both ends, so that it can begin or end with a backtick. */
function codeOf(text: string): Inline {
  const padded = text.length > 2 && text.startsWith(" ") && text.endsWith(" ");
  return { is: "code", text: padded ? text.slice(1, -1) : text };
}
