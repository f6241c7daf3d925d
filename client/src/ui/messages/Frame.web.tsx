import { useRef, useState, type CSSProperties, type KeyboardEvent, type MouseEvent, type PointerEvent } from "react";

import type { FrameProps } from "./frame";

/** How long a finger must rest on a message for its menu, in milliseconds, and how far it may move, in pixels. */
const longPress = 450;
const slip = 10;

/** The frame of a message in a browser. The arrow keys lead from one message to the next, see List.web.tsx. */
export function Frame({ testID, onMenu, bar, children }: FrameProps) {
  const [over, setOver] = useState(false);
  const [focused, setFocused] = useState(false);
  const press = useLongPress(() => {
    setOver(false);
    ignoreLift();
    onMenu(null);
  });
  const active = over || focused;

  const onPointerEnter = ({ pointerType }: PointerEvent) => setOver(over || pointerType === "mouse");
  const onPointerLeave = () => {
    press.end();
    setOver(false);
  };
  const onClick = ({ target }: MouseEvent<HTMLElement>) => {
    if (!isControl(target) && matchMedia("(pointer: coarse)").matches) setOver(!over);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const { key, shiftKey, currentTarget, target } = event;
    const asked =
      key === "ContextMenu" ||
      (key === "F10" && shiftKey) ||
      (target === currentTarget && (key === "Enter" || key === " "));
    if (!asked) return;
    event.preventDefault();
    const { left, top, bottom } = currentTarget.getBoundingClientRect();
    onMenu({ x: left + 48, y: (Math.max(0, top) + bottom) / 2 });
  };
  return (
    <div
      data-testid={testID}
      data-row=""
      role="article"
      tabIndex={-1}
      style={frame}
      onPointerEnter={onPointerEnter}
      onPointerLeave={onPointerLeave}
      onPointerDown={press.begin}
      onPointerMove={press.move}
      onPointerUp={press.end}
      onPointerCancel={press.end}
      onContextMenu={press.onContextMenu}
      onClick={onClick}
      onKeyDown={onKeyDown}
      onFocus={({ target, currentTarget }) =>
        setFocused(target === currentTarget && currentTarget.matches(":focus-visible"))
      }
      onBlur={() => setFocused(false)}
    >
      {children(active)}
      {active && <div style={corner}>{bar}</div>}
    </div>
  );
}

const frame: CSSProperties = { position: "relative", outlineOffset: -2 };
const corner: CSSProperties = { position: "absolute", insetBlockStart: -14, insetInlineEnd: 16, zIndex: 1 };

function isControl(target: EventTarget): boolean {
  return target instanceof Element && target.closest("a, button, [role=button]") !== null;
}

/** Keeps the finger, when it is lifted after a long press, from pressing what lies under it by then, such as an entry of the menu. */
function ignoreLift(): void {
  const lifted = new AbortController();
  const onLift = (event: Event) => {
    event.preventDefault(); // no click follows
    lifted.abort();
  };
  for (const event of ["touchend", "touchcancel"])
    window.addEventListener(event, onLift, { capture: true, passive: false, signal: lifted.signal });
}

/** Calls pressed when a finger has rested. Browsers then open no menu of their own. */
function useLongPress(pressed: () => void) {
  const held = useRef<{ readonly x: number; readonly y: number; readonly timer: ReturnType<typeof setTimeout> } | null>(
    null,
  );
  const touched = useRef(false);
  const end = () => {
    clearTimeout(held.current?.timer);
    held.current = null;
  };
  return {
    begin({ pointerType, clientX: x, clientY: y, target }: PointerEvent) {
      end();
      touched.current = pointerType === "touch";
      if (touched.current && !isControl(target)) held.current = { x, y, timer: setTimeout(pressed, longPress) };
    },
    move({ clientX, clientY }: PointerEvent) {
      if (held.current !== null && Math.hypot(clientX - held.current.x, clientY - held.current.y) > slip) end();
    },
    end,
    onContextMenu(event: MouseEvent) {
      if (touched.current && !isControl(event.target)) event.preventDefault();
    },
  };
}
