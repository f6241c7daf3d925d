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

const mostCharacters = 1_200;
const mostLines = 14;

/** Returns the beginning of a long text, which ends after a whole line or character; null if the text is short enough to be shown in full. */
export function beginningOf(text: string): string | null {
  let end = -1;
  for (let line = 0; line < mostLines && (line === 0 || end >= 0); line++) end = text.indexOf("\n", end + 1);
  const cut = Math.min(end < 0 ? text.length : end, mostCharacters);
  if (cut === text.length || (end === cut && text.slice(end).trim() === "")) return null;
  const high = text.charCodeAt(cut - 1);
  return text.slice(0, high >= 0xd800 && high < 0xdc00 ? cut - 1 : cut).trimEnd();
}

/** Up to three emoji: flags, keycaps and pictures, with skin tones, tags and joiners. */
const fewEmoji =
  /^\s*(?:(?:\p{RI}\p{RI}|[0-9#*]\ufe0f?\u20e3|(?:(?!\p{RI})\p{Emoji_Presentation}|\p{Extended_Pictographic}(?=[\ufe0f\u200d\u{1f3fb}-\u{1f3ff}]))[\u{1f3fb}-\u{1f3ff}]?\ufe0f?[\u{e0020}-\u{e007f}]{0,8}(?:\u200d\p{Extended_Pictographic}[\u{1f3fb}-\u{1f3ff}]?\ufe0f?){0,4})\s*){1,3}$/u;

/** Whether the text is one, two or three emoji and nothing else. They are shown large. */
export function isFewEmoji(text: string): boolean {
  return text.length <= 100 && fewEmoji.test(text);
}
