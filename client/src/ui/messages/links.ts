import { spotOf } from "../where";
import type { Link } from "./inline";

/** Invisible characters make an address look like another one. */
const invisible = /\p{DI}/u;

/** Returns the link of an address in a text, without the punctuation that follows it. */
export function linkOf(address: string): Link | null {
  if (invisible.test(address)) return null;
  const text = withoutPunctuation(address);
  if (/^www\./i.test(text))
    return /^www\.[^.\s]+\../i.test(text) ? { is: "link", text, href: `https://${text}`, target: null } : null;
  return /^(https?:\/\/.|mailto:.)/i.test(text) ? { is: "link", text, href: text, target: null } : null;
}

/** Returns the link of an e-mail address. */
export function mailLink(address: string): Link {
  return { is: "link", text: address, href: `mailto:${address}`, target: null };
}

/** Returns the link of `[label](href)`. The place that it leads to is shown behind the label unless the label is that place. */
export function labelledLink(label: string, href: string): Link | null {
  const text = label.trim();
  if (text === "" || invisible.test(href)) return null;
  const target = placeOf(href);
  const shown = text.toLowerCase();
  if (target === "") return null;
  return { is: "link", text, href, target: shown === target || shown === href.toLowerCase() ? null : target };
}

/** Returns the host of an address, or the mailbox. What stands before an @ in an http address is no part of the host. */
function placeOf(href: string): string {
  const [, authority] = /^https?:\/\/([^/\\?#]*)/i.exec(href) ?? [];
  if (authority === undefined)
    return href
      .replace(/^mailto:/i, "")
      .replace(/\?.*$/, "")
      .toLowerCase();
  return authority.slice(authority.lastIndexOf("@") + 1).toLowerCase();
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

/** Returns what a link to a room or a message of this server shows; null for other links. */
export function spotOfLink(
  href: string,
  server: string,
): { readonly room: string; readonly seq: number | null } | null {
  if (!href.startsWith(`${server}/#`)) return null;
  const { room, seq } = spotOf(href.slice(server.length + 1));
  return room === null ? null : { room, seq };
}
