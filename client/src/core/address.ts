import { exposureOf } from "./cleartext";
import { roomPattern } from "./message";

/** A place in a chat: a room and the number of a message in it, null for the room's end. */
export interface RoomAddress {
  readonly room: string;
  readonly seq: number | null;
}

/** What a link leads to: a place on a server, or the server alone. */
export interface LinkTarget {
  /** The origins that the link may mean, the likeliest first. A link of the app's own scheme does not say whether there is TLS. */
  readonly servers: readonly [string, ...string[]];
  readonly place: RoomAddress | null;
}

const longestLink = 2_048;

/** Returns the origin of what somebody typed, null if it is no address. Without a scheme it is http in the own network, otherwise https. */
export function originOf(typed: string): string | null {
  const text = typed.trim();
  if (text.includes("://")) return parse(text)?.origin ?? null;
  const clear = parse(`http://${text}`)?.origin;
  if (clear !== undefined && exposureOf(clear) !== "anybody") return clear;
  return parse(`https://${text}`)?.origin ?? null;
}

/** Parses the fragment of an address, `#/ROOM` or `#/ROOM/NUMBER`; null if it is neither. */
export function placeOfFragment(fragment: string): RoomAddress | null {
  const [, room = "", number] = /^#\/([^/]*)(?:\/([1-9]\d{0,14}))?$/.exec(fragment) ?? [];
  return roomPattern.test(room) ? { room, seq: number === undefined ? null : Number(number) } : null;
}

/**
 * Parses a link that the system hands to the app: `restante://HOST/#/ROOM/NUMBER` or `https://HOST/#/ROOM/NUMBER`. Anybody can make
 * such a link, so everything that is not of this form is null.
 */
export function targetOf(link: string): LinkTarget | null {
  if (link.length > longestLink) return null;
  // Letters of other alphabets can look like another server. A host has them in the form xn--….
  const [, scheme = "", host = "", fragment = ""] =
    /^(restante|https):\/\/([a-z0-9_.:[\]-]+)\/?(#[!-~]*)?$/i.exec(link) ?? [];
  const secure = parse(`https://${host}`)?.origin;
  if (secure === undefined) return null;
  const place = placeOfFragment(fragment);
  if (place === null && fragment !== "" && fragment !== "#") return null;
  const clear = parse(`http://${host}`)?.origin;
  const own = clear !== undefined && exposureOf(clear) !== "anybody" && scheme.toLowerCase() === "restante";
  return { servers: own ? [clear, secure] : [secure], place };
}

function parse(address: string): { readonly origin: string } | null {
  try {
    const { origin, protocol, hostname } = new URL(address);
    return /^https?:$/.test(protocol) && hostname !== "" ? { origin } : null;
  } catch {
    return null;
  }
}
