import { useId, useLayoutEffect, useRef, useState, type CSSProperties, type KeyboardEvent } from "react";

import { useLayer } from "./place";
import { Panel, type DialogProps } from "./Panel";
import { useColours } from "./theme";

/** A dialog over the app. It uses the browser's dialog element, which blocks the rest, and returns the focus when it closes. Escape, Back and a press beside it close it. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const colours = useColours();
  const id = useId();
  const element = useRef<HTMLDialogElement>(null);
  useLayer(onClose);
  const [opener] = useState(() => document.activeElement); // read now, because an autofocus field takes the focus before the dialog opens
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
      ref={element}
      role="dialog"
      aria-modal
      aria-labelledby={id}
      style={{ ...fullWindow, backgroundColor: colours.scrim, color: colours.text }}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDownCapture={wrapFocus} // fields keep their keys from what is around them
      onPointerDown={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
    >
      <Panel title={title} titleId={id} onClose={onClose}>
        {children}
      </Panel>
    </dialog>
  );
}

/** The dialog element fills the window and dims it. The panel lies in its middle. */
const fullWindow: CSSProperties = {
  display: "flex",
  position: "fixed",
  inset: 0,
  width: "100%",
  height: "100%",
  maxWidth: "none",
  maxHeight: "none",
  margin: 0,
  padding: 0,
  border: 0,
  outline: "none",
  alignItems: "center",
  justifyContent: "center",
};

/** Moves the focus from the last element to the first on Tab, so that it does not leave the page. */
function wrapFocus(event: KeyboardEvent<HTMLDialogElement>): void {
  if (event.key !== "Tab") return;
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>('input, button, a[href], [tabindex="0"]')].filter(
    (e) => e.tabIndex >= 0 && !e.matches(":disabled"),
  );
  const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
  if (document.activeElement !== from) return;
  event.preventDefault();
  to?.focus();
}
