import { isRecord } from "./message";

/** Who uses the app, and the token that says so where the server wants one. */
export interface Identity {
  readonly client: string;
  readonly token?: string;
}

/** What a token says that matters here. */
export interface Claims {
  readonly sub: string;
  readonly exp: number;
  readonly rooms: readonly string[];
  readonly publish: boolean;
}

const longestName = 128;

/** The claims of a token; the server checks it, this only reads it. Null when it is no JWT of a client. */
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

/** Reads what was kept of an identity; null when it is none, as an older version may have left it. */
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

/** Whether the server takes a text as the name of a client: printable characters, and no space but the common one. */
export function isName(name: string): boolean {
  return new TextEncoder().encode(name).length <= longestName && /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u.test(name);
}
