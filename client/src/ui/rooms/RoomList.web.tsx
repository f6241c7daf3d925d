import { useEffect, useRef, type CSSProperties, type KeyboardEvent } from "react";
import { Virtualizer, type VirtualizerHandle } from "virtua";

import type { Summary } from "../../core/chat";
import type { RoomListProps } from "./list";
import type { Calm } from "./order";
import { useLatest } from "../latest";

const frame: CSSProperties = {
  flex: 1,
  minHeight: 0,
  overflowY: "auto",
  overflowX: "hidden",
  overflowAnchor: "none",
  overscrollBehavior: "contain",
  padding: "0 8px 8px",
};

/** The list of rooms in a browser. The arrow keys move the focus from row to row. */
export function RoomList({ rooms, calm, current, rowHeight, render, end }: RoomListProps) {
  const list = useRef<VirtualizerHandle>(null);
  const box = useRef<HTMLDivElement>(null);
  const names = useLatest(rooms);
  useEffect(() => {
    const place = names.current.findIndex(({ name }) => name === current);
    if (place >= 0) list.current?.scrollToIndex(place, { align: "nearest" });
  }, [current, names]);
  useRelease(calm);

  const moveFocus = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const from = document.activeElement?.getAttribute("data-room");
    if (step === undefined || from == null || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const place = rooms.findIndex(({ name }) => name === from) + step;
    const to = rooms[place]?.name;
    if (to === undefined) return;
    list.current?.scrollToIndex(place, { align: "nearest" });
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-room="${to}"]`)?.focus());
  };
  return (
    <div
      ref={box}
      data-testid="rooms"
      style={frame}
      onKeyDown={moveFocus}
      onPointerEnter={() => calm.hold("pointer")}
      onPointerMove={() => calm.hold("pointer")}
      onPointerLeave={() => calm.release("pointer")}
      onTouchStart={() => calm.hold("touch")}
      onTouchEnd={(event) => event.touches.length === 0 && calm.release("touch")}
      onTouchCancel={() => calm.release("touch")}
      onScroll={() => {
        calm.hold("scroll"); // a swipe moves the list on after the finger has left
        calm.release("scroll");
      }}
      onFocus={(event) => event.target.matches(":focus-visible") && calm.hold("focus")}
      onBlur={() => calm.release("focus")}
    >
      <Virtualizer ref={list} data={rooms} itemSize={rowHeight} bufferSize={400}>
        {(room: Summary) => <div key={room.name}>{render(room)}</div>}
      </Virtualizer>
      {end}
    </div>
  );
}

/** Gives the order free when the list is gone or nobody sees it, because no pointer or focus leaves it then. */
function useRelease(calm: Calm): void {
  useEffect(() => {
    const release = () => {
      for (const why of ["pointer", "touch", "scroll", "focus"] as const) calm.release(why);
    };
    const hidden = () => document.visibilityState === "hidden" && release();
    document.addEventListener("visibilitychange", hidden);
    return () => {
      document.removeEventListener("visibilitychange", hidden);
      release();
    };
  }, [calm]);
}
