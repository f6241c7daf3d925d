/** The facts of a key event. Phones report only the key's name. */
export interface Key {
  readonly key: string;
  readonly shiftKey?: boolean;
  readonly ctrlKey?: boolean;
  readonly metaKey?: boolean;
  readonly isComposing?: boolean;
  readonly keyCode?: number;
}

/** Whether an input method composes a word. Safari tells so by the code 229 only. */
function composes({ isComposing = false, keyCode = 0 }: Key): boolean {
  return isComposing || keyCode === 229;
}

/**
 * Whether a key sends the message: Enter without Shift, and not while an input method composes a word. On glass Enter begins a new line,
 * because there is no Shift to hold; with Ctrl or Cmd it sends everywhere.
 */
export function sends(key: Key, touch = false): boolean {
  const { ctrlKey = false, metaKey = false, shiftKey = false } = key;
  if (key.key !== "Enter" || composes(key)) return false;
  return ctrlKey || metaKey || (!shiftKey && !touch);
}

/** Returns the format of a shortcut: Ctrl or Cmd with B, I or E, and with Shift and X. */
export function formatOf(key: Key): "bold" | "italic" | "code" | "strike" | null {
  const { ctrlKey = false, metaKey = false, shiftKey = false } = key;
  if (ctrlKey === metaKey || composes(key)) return null;
  const letter = key.key.toLowerCase();
  if (shiftKey) return letter === "x" ? "strike" : null;
  return letter === "b" ? "bold" : letter === "i" ? "italic" : letter === "e" ? "code" : null;
}
