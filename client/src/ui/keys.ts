/** What is told of a key; phones tell its name only. */
interface Key {
  readonly key: string;
  readonly shiftKey?: boolean;
  readonly isComposing?: boolean;
  readonly keyCode?: number;
}

/** Whether a key that was pressed sends: Enter, but not with Shift, and not while an input method composes a word with it. */
export function sends({ key, shiftKey = false, isComposing = false, keyCode = 0 }: Key): boolean {
  return key === "Enter" && !shiftKey && !isComposing && keyCode !== 229;
}
