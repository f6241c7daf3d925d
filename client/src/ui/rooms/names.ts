import { roomPattern } from "../../core/message";

const most = 64;

/** Why a text cannot be the name of a room. */
export type NameFault =
  | { readonly is: "begins" } // it does not begin with a letter or a digit
  | { readonly is: "blank" }
  | { readonly is: "character"; readonly character: string }
  | { readonly is: "long"; readonly count: number }; // how many characters are too many

/** Returns the name that a typed text stands for: names have small letters, and no blanks at their ends. */
export function nameOf(typed: string): string {
  return typed.trim().toLowerCase();
}

/** Returns what is wrong with a name; null if rooms can have it, or if it is empty. */
export function faultOf(name: string): NameFault | null {
  if (name === "" || roomPattern.test(name)) return null;
  const character = [...name].find((c) => !/^[a-z0-9._-]$/.test(c));
  if (character !== undefined) return /\s/.test(character) ? { is: "blank" } : { is: "character", character };
  if (!/^[a-z0-9]/.test(name)) return { is: "begins" };
  return { is: "long", count: name.length - most };
}

/** Returns the name that is nearest to a text that cannot be one; null if nothing is left of it. */
export function nearest(name: string): string | null {
  const plain = name
    .replaceAll("ß", "ss")
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}+/gu, "")
    .replace(/\s+/g, "-")
    .replace(/[^a-z0-9._-]+/g, "")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, most);
  return plain === "" ? null : plain;
}

/**
 * Returns how well a name matches what was typed: 0 if it begins with it, 1 if a part of it does, 2 if it contains it, 3 if it has its
 * letters in this order; null if it does not match.
 */
export function matchOf(name: string, typed: string): 0 | 1 | 2 | 3 | null {
  if (name.startsWith(typed)) return 0;
  if (name.split(/[._-]/).some((part) => part.startsWith(typed))) return 1;
  if (name.includes(typed)) return 2;
  let from = 0;
  for (const character of typed) {
    from = name.indexOf(character, from) + 1;
    if (from === 0) return null;
  }
  return 3;
}
