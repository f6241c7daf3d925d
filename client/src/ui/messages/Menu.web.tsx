import { useLayoutEffect, useRef, useState, type CSSProperties, type KeyboardEvent } from "react";

import { useLayer } from "../place";
import { radius, useColours } from "../theme";
import type { MenuProps } from "./menu";
import { MenuItem, MenuTitle } from "./MenuItem";

const width = 260;
const margin = 8;

/** The menu of a message in a browser: beside the message, or a sheet at the bottom after a long press. */
export function Menu({ commands, title, anchor, onClose }: MenuProps) {
  const colours = useColours();
  const dialog = useRef<HTMLDialogElement>(null);
  const element = useRef<HTMLDivElement>(null);
  const [opener] = useState(() => document.activeElement);
  const [top, setTop] = useState<number | null>(null);
  useLayer(onClose);
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal(); // over everything, whatever the order of the page
    const height = element.current?.offsetHeight ?? 0;
    if (anchor !== null) setTop(Math.max(margin, Math.min(anchor.y, innerHeight - height - margin)));
    itemsOf(element.current)[0]?.focus();
    return () => {
      shown?.close();
      if (opener instanceof HTMLElement) opener.focus({ preventScroll: true });
    };
  }, [anchor, opener]);

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const items = itemsOf(element.current);
    const place = items.findIndex((item) => item === document.activeElement);
    const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: -1 }[event.key];
    event.stopPropagation();
    if (next !== undefined) items.at(next % items.length)?.focus();
    else if (event.key === "Escape" || event.key === "Tab") onClose();
    else return;
    event.preventDefault();
  };
  const place: CSSProperties =
    anchor === null
      ? { insetInline: 0, bottom: 0, borderRadius: `${radius.l}px ${radius.l}px 0 0`, paddingBottom: 16 }
      : {
          left: Math.max(margin, Math.min(anchor.x, innerWidth - width - margin)),
          top: top ?? 0,
          width,
          borderRadius: radius.m,
        };
  return (
    <dialog
      ref={dialog}
      aria-label={title}
      style={{ ...everything, backgroundColor: anchor === null ? colours.scrim : "transparent", color: colours.text }}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={({ target, currentTarget }) => target === currentTarget && onClose()}
    >
      <div
        ref={element}
        role="menu"
        aria-label={title}
        onKeyDown={onKeyDown}
        style={{ ...sheet, ...place, backgroundColor: colours.surface, borderColor: colours.line }}
      >
        <MenuTitle title={title} />
        {commands.map((command) => (
          <MenuItem
            key={command.id}
            command={command}
            onPress={() => {
              onClose();
              command.run();
            }}
          />
        ))}
      </div>
    </dialog>
  );
}

/** The dialog element fills the window. */
const everything: CSSProperties = {
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
const sheet: CSSProperties = {
  position: "absolute",
  boxSizing: "border-box",
  paddingBlock: 4,
  borderWidth: 1,
  borderStyle: "solid",
  boxShadow: "0 6px 24px #0000003d",
};

function itemsOf(menu: HTMLElement | null): readonly HTMLElement[] {
  return [...(menu?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])];
}
