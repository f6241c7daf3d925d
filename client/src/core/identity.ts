import { byteLength, isRecord } from "./message";

/** The client that uses the app, and its token if the server needs one. */
export interface Identity {
  readonly client: string;
  readonly token?: string;
}

/** The claims of a token that the app uses. */
export interface Claims {
  readonly sub: string;
  readonly exp: number;
  /** When it was issued, in seconds. Null if the issuer does not say. */
  readonly iat: number | null;
  readonly rooms: readonly string[];
  readonly publish: boolean;
}

const longestName = 128;

/** Reads the claims of a token without checking it; the server checks it. Null if it is not the JWT of a client. */
export function claimsOf(token: string): Claims | null {
  try {
    const [, payload = ""] = token.split(".");
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (!isRecord(claims)) return null;
    const { sub, exp, iat, rooms, publish } = claims;
    if (typeof sub !== "string" || !isName(sub) || typeof exp !== "number") return null;
    return {
      sub,
      exp,
      iat: typeof iat === "number" ? iat : null,
      rooms: Array.isArray(rooms) ? rooms.filter((r) => typeof r === "string") : [],
      publish: publish !== false,
    };
  } catch {
    return null;
  }
}

/**
 * Whether a token is older than another one, as the server compares them (docs/api/hub.md, "Authentication"): issued earlier, or,
 * where that is equal or one does not say, ending earlier. A token that cannot be read is older than any other.
 */
export function isOlder(token: string | undefined, than: string | undefined): boolean {
  const [one, other] = [token, than].map((t) => (t === undefined ? null : claimsOf(t)));
  if (!one || !other) return !one && !!other;
  if (one.iat !== null && other.iat !== null && one.iat !== other.iat) return one.iat < other.iat;
  return one.exp < other.exp;
}

/** Parses a stored identity. Null if it is not valid, for example because an older version has written it. */
export function identityOf(kept: string): Identity | null {
  try {
    const identity: unknown = JSON.parse(kept);
    if (!isRecord(identity)) return null;
    const { client, token } = identity;
    if (typeof client !== "string" || !isName(client)) return null;
    return typeof token === "string" ? { client, token } : { client };
  } catch {
    return null;
  }
}

/** Returns what somebody typed as a name without the blanks at its ends, as the server does (TrimName in internal/chat/name.go). */
export function trimName(typed: string): string {
  return typed.replace(/^[\s\u0085\u200b\u2060\ufeff]+|[\s\u0085\u200b\u2060\ufeff]+$/g, "");
}

/**
 * Whether the server accepts a text as the name of a client. The rule is that of ValidateName in internal/chat/name.go. The tests of
 * both read the same table of cases.
 */
export function isName(name: string): boolean {
  if (byteLength(name) > longestName || trimName(name) !== name) return false;
  const characters = [...name];
  return !characters.some(isRefused) && characters.some((character) => !unseen.test(character));
}

/** What shows nothing by itself: blanks, combining marks, and the characters that the server lists, too. */
const unseen =
  /[\s\p{M}\u0085\u00ad\u115f\u1160\u180b-\u180f\u200b-\u200f\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/u;

/** The controls of the text direction, the ends of lines, the sign for damaged text, and halves of surrogate pairs. */
const refused = /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffd\ud800-\udfff]/u;

/** Whether no name may have a character: it acts on a terminal, ends a line, turns the direction of text, or is none. */
function isRefused(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  const control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  return control || (code & 0xfffe) === 0xfffe || refused.test(character);
}
