import { useEffect } from "react";

import { useLatest } from "../latest";
import { longest, type IncomingOptions } from "./incoming";

/**
 * Watches what is pasted and dropped on the page, and what is typed beside the field. Files and very long texts are refused, instead of
 * letting the browser open the file in place of the app or hang. Texts and keys that no other element wants go to the field.
 */
export function useIncoming(options: IncomingOptions): void {
  const latest = useLatest(options);
  useEffect(() => {
    const area = () => latest.current.field.current as HTMLTextAreaElement | null;
    /** Handles data that arrives. Returns whether the browser may go on with it. */
    const receive = (data: DataTransfer | null, into: boolean): boolean => {
      const text = data?.getData("text/plain") ?? "";
      if (text === "" && (data?.files.length ?? 0) > 0) {
        latest.current.refuse({ is: "files" });
        return false;
      }
      if (text.length + lengthBeside(area()) > longest) {
        latest.current.refuse({ is: "long", length: text.length });
        return false;
      }
      if (into || text === "") return true;
      latest.current.insert(text);
      return false;
    };
    const paste = (event: ClipboardEvent) => {
      if (isElsewhere(event.target, area())) return;
      if (!receive(event.clipboardData, event.target === area())) event.preventDefault();
    };
    const over = (event: DragEvent) => {
      if (event.dataTransfer?.types.includes("Files") === true || event.target === area()) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      const files = event.dataTransfer?.types.includes("Files") === true;
      if (!files && event.target !== area()) return;
      if (files || !receive(event.dataTransfer, true)) event.preventDefault();
      if (files) receive(event.dataTransfer, false);
    };
    const key = (event: KeyboardEvent) => {
      if (isText(event) && !isElsewhere(event.target, area()) && event.target !== area()) area()?.focus(); // the browser then puts the key into it
    };
    const handlers = [
      ["paste", paste],
      ["dragover", over],
      ["drop", drop],
      ["keydown", key],
    ] as const;
    for (const [name, handler] of handlers) document.addEventListener(name, handler as EventListener);
    return () => {
      for (const [name, handler] of handlers) document.removeEventListener(name, handler as EventListener);
    };
  }, [latest]);
}

/** Returns how many characters of a field stay when something is pasted over what is selected. */
function lengthBeside(area: HTMLTextAreaElement | null): number {
  return area === null ? 0 : area.value.length - (area.selectionEnd - area.selectionStart);
}

/** Whether an element wants keys itself: another field, a dialog or a menu. */
function isElsewhere(target: EventTarget | null, own: HTMLElement | null): boolean {
  if (target === own) return false;
  if (document.querySelector("dialog[open], [role=dialog], [role=menu]") !== null) return true;
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}

/** Whether a key writes a character. A question mark beside the field is a shortcut; the space bar presses buttons and scrolls. */
function isText(event: KeyboardEvent): boolean {
  const { key, ctrlKey, metaKey, altKey, defaultPrevented, isComposing } = event;
  const shortcut = ctrlKey || metaKey || (altKey && !event.getModifierState("AltGraph"));
  return !defaultPrevented && !isComposing && !shortcut && [...key].length === 1 && key !== " " && key !== "?";
}
