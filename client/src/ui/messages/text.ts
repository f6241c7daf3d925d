/** A piece of a message as it is drawn. */
export type Segment =
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "code"; readonly text: string }
  | { readonly is: "block"; readonly text: string }
  | { readonly is: "link"; readonly text: string; readonly href: string };

/** Overrides, embeddings and isolates, which could change the direction of the text around the message. Direction marks may stay. */
const directionControls = /[\u202a-\u202e\u2066-\u2069]/g;
/** More combining marks or invisible characters in a row than any script or emoji needs. */
const excessMarks = /([\p{M}\p{DI}]{8})[\p{M}\p{DI}]+/gu;
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u0084\u0086-\u009f]/g;

/** Returns the text without the characters that could affect anything outside the message. */
export function harmless(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(directionControls, "")
    .replace(excessMarks, "$1")
    .replace(controls, "\ufffd");
}

/** Every alternative fails early or consumes what it has read. Otherwise the time could grow with the square of the length. */
const parts = /```\n?([^]*?)```\n?|`([^`\n]+)`|(https?:\/\/[^\s<>"'`]+|mailto:[^\s<>"'`@]{1,64}@[^\s<>"'`]+)/gi;

/** Splits a message into code between backticks, links of three kinds, and the text around them, in linear time. */
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

/** Returns a link without the punctuation that follows it. An address with invisible characters is not a link, because it looks like another address. */
function linkOf(address: string): Segment | null {
  if (/\p{DI}/u.test(address)) return null;
  const text = withoutPunctuation(address);
  return /^(https?:\/\/.|mailto:.)/i.test(text) ? { is: "link", text, href: text } : null;
}

const punctuation = /[.,;:!?*_~…。、，；：！？」』】》’”»]/;
const openings: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{", "）": "（" };

/** Removes punctuation from the end. A closing bracket stays if the address has its opening bracket. */
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

/** Returns the beginning of a long message; null if the message is short enough to be shown in full. */
export function beginningOf(segments: readonly Segment[]): readonly Segment[] | null {
  const beginning: Segment[] = [];
  let [characters, lines] = [mostCharacters, mostLines];
  for (const segment of segments) {
    const end = endOf(segment.text, characters, lines);
    if (end === 0) return [...beginning, { is: "text", text: "…" }];
    if (end < segment.text.length)
      return [...beginning, { ...segment, text: `${segment.text.slice(0, end).trimEnd()}…` }];
    beginning.push(segment);
    characters -= segment.text.length;
    lines -= segment.text.split("\n").length - (segment.is === "block" ? 0 : 1);
  }
  return null;
}

/** Returns the index at which so many characters or lines end. It never splits a surrogate pair. */
function endOf(text: string, characters: number, lines: number): number {
  let end = -1;
  for (let line = 0; line < lines && (line === 0 || end >= 0); line++) end = text.indexOf("\n", end + 1);
  const cut = Math.min(lines <= 0 ? 0 : end < 0 ? text.length : end, Math.max(0, characters));
  const high = text.charCodeAt(cut - 1);
  return cut < text.length && high >= 0xd800 && high < 0xdc00 ? cut - 1 : cut;
}
