/** What a key can do anywhere in the app. */
export type Shortcut =
  | { readonly is: "find" }
  | { readonly is: "step"; readonly by: 1 | -1; readonly unread: boolean }
  | { readonly is: "newest" }
  | { readonly is: "help" };

/** The facts of a key event. */
export type Key = Pick<
  KeyboardEvent,
  "key" | "code" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey" | "isComposing" | "keyCode"
>;

/**
 * Returns what a key does; null if it is for somebody else. Keys of an input method are never taken, and a key that writes a
 * character is taken only outside of fields. On Apple's keyboards Ctrl+K edits text, and Command takes its place.
 */
export function shortcutOf(event: Key, inField: boolean, apple: boolean): Shortcut | null {
  if (event.isComposing || event.keyCode === 229) return null;
  const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
  if (ctrlKey || metaKey) return isCommand(event, apple) && isK(event) ? { is: "find" } : null;
  if (altKey) return stepOf(key, shiftKey);
  if (key === "Escape") return { is: "newest" };
  return key === "?" && !inField ? { is: "help" } : null;
}

function stepOf(key: string, unread: boolean): Shortcut | null {
  if (key === "ArrowUp") return { is: "step", by: -1, unread };
  return key === "ArrowDown" ? { is: "step", by: 1, unread } : null;
}

/** Whether the key is pressed with the command key of the machine, and no other. */
function isCommand({ ctrlKey, metaKey, altKey, shiftKey }: Key, apple: boolean): boolean {
  return (apple ? metaKey && !ctrlKey : ctrlKey && !metaKey) && !altKey && !shiftKey;
}

/** Whether the key is K: by its letter, or by its place on keyboards of other scripts. */
function isK({ key, code }: Key): boolean {
  return key.toLowerCase() === "k" || (code === "KeyK" && !/^[a-z]$/i.test(key));
}

/** The next room in the list, or the next unread one, around the end. Null if there is none. */
export function stepFrom(
  rooms: readonly { readonly name: string; readonly unread: number }[],
  current: string | null,
  { by, unread }: { readonly by: 1 | -1; readonly unread: boolean },
): string | null {
  const place = rooms.findIndex(({ name }) => name === current);
  const start = place < 0 && by < 0 ? 0 : place;
  for (let n = 1; n <= rooms.length; n++) {
    const room = rooms[(start + n * by + rooms.length * 2) % rooms.length];
    if (room !== undefined && room.name !== current && (!unread || room.unread > 0)) return room.name;
  }
  return null;
}
