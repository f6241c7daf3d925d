import type { Shortcut } from "./shortcuts";

/** Does nothing, because the app has no shortcuts on phones. */
export function useShortcuts(_act: (shortcut: Shortcut) => void): void {}
