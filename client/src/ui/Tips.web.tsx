import { useEffect, useRef, type CSSProperties } from "react";

import { useColours } from "./theme";

/** How long the pointer rests on an element until its tip is shown, in milliseconds. */
const patience = 450;
/** The distance of a tip to its element and to the edges of the window, in pixels. */
const gap = 6;

/** Shows the text of `data-tip` beside the element that the pointer rests on, or that has the focus of the keyboard. */
export function Tips() {
  const colours = useColours();
  const tip = useRef<HTMLDivElement>(null);
  useEffect(() => (tip.current === null ? undefined : follow(tip.current)), []);
  return (
    <div
      ref={tip}
      popover="manual"
      aria-hidden
      data-testid="tip"
      style={{ ...box, background: colours.text, color: colours.surface }}
    />
  );
}

const box: CSSProperties = {
  position: "fixed",
  inset: "auto",
  margin: 0,
  padding: "0.25rem 0.5rem",
  maxWidth: "16rem",
  border: "1px solid transparent",
  borderRadius: "0.375rem",
  fontSize: "0.75rem",
  lineHeight: 1.4,
  pointerEvents: "none",
};

/** Lets the tip follow the pointer and the focus. Returns what ends this. */
function follow(tip: HTMLElement): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let owner: HTMLElement | null = null;
  let shown = false;
  const hide = () => {
    clearTimeout(timer);
    owner = null;
    if (shown) tip.hidePopover();
    shown = false;
  };
  const show = (element: HTMLElement, wait: number) => {
    if (element === owner) return;
    hide();
    owner = element;
    timer = setTimeout(() => {
      const text = element.dataset["tip"];
      if (!element.isConnected || text === undefined || !("popover" in tip)) return;
      tip.textContent = text;
      tip.showPopover(); // above an open dialog, too
      shown = true;
      place(tip, element.getBoundingClientRect());
    }, wait);
  };
  const over = (event: PointerEvent) => {
    const element = event.pointerType === "touch" ? null : ownerOf(event.target);
    if (element === null) hide();
    else show(element, patience);
  };
  const focused = (event: FocusEvent) => {
    const element = ownerOf(event.target);
    if (element?.matches(":focus-visible") === true) show(element, 0);
    else hide();
  };
  const handlers = [
    ["pointerover", over],
    ["focusin", focused],
    ["focusout", hide],
    ["pointerdown", hide],
    ["keydown", hide],
    ["scroll", hide],
  ] as const;
  for (const [name, handler] of handlers) document.addEventListener(name, handler as EventListener, true);
  return () => {
    hide();
    for (const [name, handler] of handlers) document.removeEventListener(name, handler as EventListener, true);
  };
}

function ownerOf(target: EventTarget | null): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>("[data-tip]") : null;
}

/** Puts the tip below its element, or above it if there is no room, within the window. */
function place(tip: HTMLElement, { left, right, top, bottom }: DOMRect): void {
  const { offsetWidth: width, offsetHeight: height } = tip;
  const middle = (left + right - width) / 2;
  tip.style.left = `${Math.max(gap, Math.min(middle, innerWidth - width - gap))}px`;
  tip.style.top = `${bottom + gap + height > innerHeight ? top - gap - height : bottom + gap}px`;
}
