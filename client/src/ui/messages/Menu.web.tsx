import { useLayoutEffect, useRef, useState, type CSSProperties, type KeyboardEvent } from "react";

import { Cover } from "../Cover.web";
import { radius, useColours } from "../theme";
import type { MenuProps } from "./menu";
import { MenuItems } from "./MenuItems";

const width = 260;
const margin = 8;

/** The menu of a message in a browser: beside the message, or a sheet at the bottom after a long press. */
export function Menu({ commands, title, anchor, onClose }: MenuProps) {
  const colours = useColours();
  const element = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState<number | null>(null);
  useLayoutEffect(() => {
    const height = element.current?.offsetHeight ?? 0;
    if (anchor !== null) setTop(Math.max(margin, Math.min(anchor.y, innerHeight - height - margin)));
    itemsOf(element.current)[0]?.focus();
  }, [anchor]);

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
    <Cover
      aria-label={title}
      style={{ backgroundColor: anchor === null ? colours.scrim : "transparent", color: colours.text }}
      onClose={onClose}
    >
      <div
        ref={element}
        role="menu"
        aria-label={title}
        onKeyDown={onKeyDown}
        style={{ ...sheet, ...place, backgroundColor: colours.surface, borderColor: colours.line }}
      >
        <MenuItems commands={commands} title={title} onClose={onClose} />
      </div>
    </Cover>
  );
}

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
