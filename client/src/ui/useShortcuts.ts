import type { Shortcut } from "./shortcuts";

/** Does nothing, because the app has no shortcuts on phones. */
export function useShortcuts(_act: (shortcut: Shortcut) => void): void {}

/** The keys of the shortcuts, as they are written on the keyboard. Phones have none. */
export const shortcutKeys: readonly (readonly [id: string, keys: readonly string[]])[] = [];
