/** The facts of a key event. Phones report only the key's name. */
interface Key {
  readonly key: string;
  readonly shiftKey?: boolean;
  readonly isComposing?: boolean;
  readonly keyCode?: number;
}

/** Whether a key sends the message: Enter without Shift, and not while an input method composes a word. */
export function sends({ key, shiftKey = false, isComposing = false, keyCode = 0 }: Key): boolean {
  return key === "Enter" && !shiftKey && !isComposing && keyCode !== 229;
}
