import { useLayoutEffect, useRef, useState, type ComponentProps, type CSSProperties } from "react";

import { useLayer } from "./place";

interface Props extends Omit<ComponentProps<"dialog">, "onClose" | "ref"> {
  readonly onClose: () => void;
}

/**
 * A layer that fills the window: the browser's dialog element, which lies over everything, whatever the order of the page, and blocks the
 * rest. Its first field gets the focus, which returns to its opener when it closes. Escape, Back and a press beside its content close it.
 */
export function Cover({ onClose, style, ...props }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const [opener] = useState(() => document.activeElement); // read now, because an autofocus field takes the focus before the dialog opens
  useLayer(onClose);
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    dialog?.querySelector("input")?.focus();
    return () => {
      dialog?.close();
      if (opener instanceof HTMLElement) opener.focus({ preventScroll: true });
    };
  }, [opener]);
  return (
    <dialog
      ref={element}
      {...props}
      style={{ ...fullWindow, ...style }}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={({ target, currentTarget }) => target === currentTarget && onClose()}
    />
  );
}

const fullWindow: CSSProperties = {
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
};
