import { isRecord } from "./message";

/** The client that uses the app, and its token if the server needs one. */
export interface Identity {
  readonly client: string;
  readonly token?: string;
}

/** The claims of a token that the app uses. */
export interface Claims {
  readonly sub: string;
  readonly exp: number;
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
    const { sub, exp, rooms, publish } = claims;
    if (typeof sub !== "string" || !isName(sub) || typeof exp !== "number") return null;
    return { sub, exp, rooms: Array.isArray(rooms) ? rooms.filter((r) => typeof r === "string") : [], publish: publish !== false };
  } catch {
    return null;
  }
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

/** Whether the server accepts a text as the name of a client: printable characters, and of all spaces only U+0020. */
export function isName(name: string): boolean {
  return new TextEncoder().encode(name).length <= longestName && /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u.test(name);
}
