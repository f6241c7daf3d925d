import { apple } from "./useShortcuts.web";

/** The keys of the shortcuts, as they are written on the keyboard. */
export const shortcutKeys: readonly (readonly [id: string, keys: readonly string[]])[] = [
  ["find", apple ? ["⌘", "K"] : ["Ctrl", "K"]],
  ["step", apple ? ["⌥", "↑ ↓"] : ["Alt", "↑ ↓"]],
  ["step-unread", apple ? ["⌥", "⇧", "↑ ↓"] : ["Alt", "⇧", "↑ ↓"]],
  ["newest", ["Esc"]],
  ["send", ["Enter"]],
  ["line", ["⇧", "Enter"]],
  ["help", ["?"]],
];
