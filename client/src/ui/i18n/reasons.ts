import type { Reason } from "../../core/failure";
import type { Texts } from ".";

/** The codes that have a text, and its id. A code of the API is listed in docs/api/http.md; the last two are the app's own. */
const texts: ReadonlyMap<string, string> = new Map([
  ["malformed", "reason-misunderstood"],
  ["invalid", "reason-invalid"],
  ["too_large", "reason-too-large"],
  ["unsupported_media_type", "reason-misunderstood"],
  ["unauthenticated", "reason-unauthenticated"],
  ["forbidden", "reason-forbidden"],
  ["conflict", "reason-conflict"],
  ["not_found", "reason-misunderstood"],
  ["method_not_allowed", "reason-misunderstood"],
  ["timeout", "reason-timeout"],
  ["rate_limited", "reason-rate-limited"],
  ["too_many", "reason-too-many"],
  ["unavailable", "reason-unavailable"],
  ["internal", "reason-internal"],
  ["unreachable", "reason-unreachable"],
  ["unreadable", "reason-unreadable"],
]);

/** The fields of a request that a person can change, and their texts. */
const fields: ReadonlyMap<string, string> = new Map([
  ["msg", "reason-invalid-msg"],
  ["client_id", "reason-invalid-name"],
  ["room", "reason-invalid-room"],
]);

/**
 * Returns a reason in the user's language, with what one can do. The server's own text, which is English, is quoted only where the code
 * says too little.
 */
export function reasonText(t: Texts, { code, text }: Reason): string {
  const [field = ""] = code === "invalid" ? (/^\w+/.exec(text) ?? []) : []; // the text begins with the field at fault
  const id = fields.get(field) ?? texts.get(code) ?? "reason-unknown";
  return t(id, { text: text === "" ? code : text });
}
