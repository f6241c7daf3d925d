import { useEffect } from "react";

import { shortcutOf, type Shortcut } from "./shortcuts";
import { useLatest } from "./latest";

/** Whether the keyboard has the keys of Apple. */
export const apple = /Mac|iPhone|iPad/.test(navigator.platform);

/** Calls act with what the user does by the keyboard anywhere in the app. While a dialog is open, the keys are the dialog's. */
export function useShortcuts(act: (shortcut: Shortcut) => void): void {
  const newest = useLatest(act);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const field = event.target instanceof Element ? event.target.closest("input, textarea, [contenteditable]") : null;
      const shortcut = shortcutOf(event, field !== null, apple);
      if (shortcut === null) return;
      const covered = document.querySelector("dialog[open], [role=dialog], [role=menu]") !== null;
      if (shortcut.is !== "newest") event.preventDefault();
      if (covered) return;
      // Escape may be for a part that is open and hears of it later.
      if (shortcut.is === "newest") setTimeout(() => !event.defaultPrevented && newest.current(shortcut));
      else newest.current(shortcut);
    };
    window.addEventListener("keydown", pressed, true); // fields keep their keys from everything that listens later
    return () => window.removeEventListener("keydown", pressed, true);
  }, [newest]);
}
