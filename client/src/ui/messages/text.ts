/** A piece of a message as it is drawn. */
export type Segment =
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "code"; readonly text: string }
  | { readonly is: "block"; readonly text: string }
  | { readonly is: "link"; readonly text: string; readonly href: string };

/** Overrides, embeddings and isolates: they could turn around what is beside the message. Marks of direction may stay. */
const directionControls = /[\u202a-\u202e\u2066-\u2069]/g;
/** More marks on a letter, and more that is not seen, than any script or emoji needs. */
const excessMarks = /([\p{M}\p{DI}]{8})[\p{M}\p{DI}]+/gu;
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u0084\u0086-\u009f]/g;

/** What of a text is drawn: all that can be read, and nothing that works beyond the text. */
export function harmless(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(directionControls, "").replace(excessMarks, "$1").replace(controls, "\ufffd");
}

/** Every alternative ends soon, or takes all that it has looked at: otherwise the time could grow with the square of the length. */
const parts = /```\n?([^]*?)```\n?|`([^`\n]+)`|(https?:\/\/[^\s<>"'`]+|mailto:[^\s<>"'`@]{1,64}@[^\s<>"'`]+)/gi;

/** Takes a message apart: code between backticks, links of three kinds, and the text around them. Takes time in proportion to its length. */
export function segmentsOf(message: string): readonly Segment[] {
  const text = harmless(message);
  const segments: Segment[] = [];
  let end = 0;
  const upTo = (start: number) => {
    if (start > end) segments.push({ is: "text", text: text.slice(end, start) });
  };
  for (const match of text.matchAll(parts)) {
    const [whole, block, code, address] = match;
    const segment = segmentOf(block, code, address);
    if (segment === null) continue;
    upTo(match.index);
    segments.push(segment);
    end = match.index + (segment.is === "link" ? segment.text.length : whole.length);
  }
  upTo(text.length);
  return segments;
}

function segmentOf(block: string | undefined, code: string | undefined, address: string | undefined): Segment | null {
  if (address !== undefined) return linkOf(address);
  if (code !== undefined) return { is: "code", text: code };
  return block === undefined || block === "" ? null : { is: "block", text: block.replace(/\n$/, "") };
}

/** A link without the punctuation of the sentence that it ends. An address with what cannot be seen reads otherwise than it leads: it is no link. */
function linkOf(address: string): Segment | null {
  if (/\p{DI}/u.test(address)) return null;
  const text = withoutPunctuation(address);
  return /^(https?:\/\/.|mailto:.)/i.test(text) ? { is: "link", text, href: text } : null;
}

const punctuation = /[.,;:!?*_~…。、，；：！？」』】》’”»]/;
const openings: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{", "）": "（" };

/** A bracket at the end belongs to the address when it closes one there. */
function withoutPunctuation(address: string): string {
  const count = new Map<string, number>();
  for (const character of address) count.set(character, (count.get(character) ?? 0) + 1);
  let end = address.length;
  for (; end > 0; end--) {
    const last = address.charAt(end - 1);
    const opening = openings[last];
    if (opening === undefined ? !punctuation.test(last) : (count.get(last) ?? 0) <= (count.get(opening) ?? 0)) break;
    count.set(last, (count.get(last) ?? 0) - 1);
  }
  return address.slice(0, end);
}

const mostCharacters = 1_200;
const mostLines = 14;

/** The beginning of a long message; null when it is not too long to be shown as it is. */
export function beginningOf(segments: readonly Segment[]): readonly Segment[] | null {
  const beginning: Segment[] = [];
  let [characters, lines] = [mostCharacters, mostLines];
  for (const segment of segments) {
    const end = endOf(segment.text, characters, lines);
    if (end === 0) return [...beginning, { is: "text", text: "…" }];
    if (end < segment.text.length) return [...beginning, { ...segment, text: `${segment.text.slice(0, end).trimEnd()}…` }];
    beginning.push(segment);
    characters -= segment.text.length;
    lines -= segment.text.split("\n").length - (segment.is === "block" ? 0 : 1);
  }
  return null;
}

/** Where so many characters or lines of a text end; not within a character. */
function endOf(text: string, characters: number, lines: number): number {
  let end = -1;
  for (let line = 0; line < lines && (line === 0 || end >= 0); line++) end = text.indexOf("\n", end + 1);
  const cut = Math.min(lines <= 0 ? 0 : end < 0 ? text.length : end, Math.max(0, characters));
  const high = text.charCodeAt(cut - 1);
  return cut < text.length && high >= 0xd800 && high < 0xdc00 ? cut - 1 : cut;
}
