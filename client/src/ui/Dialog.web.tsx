import { useId, useLayoutEffect, useRef, useState, type CSSProperties, type KeyboardEvent } from "react";

import { Panel, type DialogProps } from "./Panel";
import { useColours } from "./theme";

/** A dialog over the app: the browser's own, which keeps the rest out of reach and gives the focus back when it closes. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const colours = useColours();
  const id = useId();
  const element = useRef<HTMLDialogElement>(null);
  const [opener] = useState(() => document.activeElement); // a field that focuses itself is focused before the dialog opens
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    dialog?.querySelector("input")?.focus();
    return () => {
      dialog?.close();
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, [opener]);
  return (
    <dialog
      ref={element} role="dialog" aria-modal aria-labelledby={id} style={{ ...fullWindow, backgroundColor: colours.scrim, color: colours.text }}
      onCancel={(event) => { event.preventDefault(); onClose(); }} onKeyDown={wrapFocus}
      onPointerDown={(event) => { if (event.target === event.currentTarget) onClose(); }}>
      <Panel title={title} titleId={id} onClose={onClose}>{children}</Panel>
    </dialog>
  );
}

/** It fills the window and is what dims it; the panel lies in its middle. */
const fullWindow: CSSProperties = {
  display: "flex", position: "fixed", inset: 0, width: "100%", height: "100%", maxWidth: "none", maxHeight: "none", margin: 0, padding: 0,
  border: 0, outline: "none", alignItems: "center", justifyContent: "center",
};

/** Tab goes from the last to the first, and not out of the page. */
function wrapFocus(event: KeyboardEvent<HTMLDialogElement>): void {
  if (event.key !== "Tab") return;
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>('input, button, a[href], [tabindex="0"]')].filter((e) => e.tabIndex >= 0 && !e.matches(":disabled"));
  const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
  if (document.activeElement !== from) return;
  event.preventDefault();
  to?.focus();
}
