import { useId, type CSSProperties, type KeyboardEvent } from "react";

import { Cover } from "./Cover.web";
import { Panel, type DialogProps } from "./Panel";
import { useColours } from "./theme";

/** A dialog over the app. Its button, Escape, Back and a press beside it close it. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const colours = useColours();
  const id = useId();
  return (
    <Cover
      role="dialog"
      aria-modal
      aria-labelledby={id}
      style={{ ...middle, backgroundColor: colours.scrim, color: colours.text }}
      onClose={onClose}
      onKeyDownCapture={wrapFocus} // fields keep their keys from what is around them
    >
      <Panel title={title} titleId={id} onClose={onClose}>
        {children}
      </Panel>
    </Cover>
  );
}

/** The panel lies in the middle of the dimmed window. */
const middle: CSSProperties = { display: "flex", alignItems: "center", justifyContent: "center" };

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
