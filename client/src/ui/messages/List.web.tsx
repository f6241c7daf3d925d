import {
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
  type CSSProperties,
  type KeyboardEvent,
} from "react";
import { Virtualizer, type VirtualizerHandle } from "virtua";

import type { ListProps, Opening } from "./list";
import type { Row } from "./rows";

/** The end counts as in view up to this distance, and older messages are fetched from this distance to the beginning on, in pixels. */
const slack = 48;
const prefetchDistance = 1_200;
/** The space above the row at which the list opens. */
const above = -72;

const frame: CSSProperties = {
  height: "100%",
  overflowY: "auto",
  overflowX: "hidden",
  display: "flex",
  flexDirection: "column",
  overflowAnchor: "none",
  overscrollBehavior: "contain",
  contain: "strict",
};

/** Takes the space above few messages, so that they stand at the bottom. */
const filler: CSSProperties = { flexGrow: 1 };

/** The list of messages in a browser. The arrow keys lead from one message to the next. */
export function List({ ref, rows, render, openAt, follows, label, onBeginning, onNearEnd, onEnd, onView }: ListProps) {
  const list = useRef<VirtualizerHandle>(null);
  const indexOf = (key: string | undefined) => rows.findIndex((row) => row.key === key);
  const [opened] = useState(() => indexOf(openAt?.key));
  const atEnd = useRef(opened < 0);
  const offset = useRef(0);
  /** True from an intended move away from the end until the scroll or resize event that follows. */
  const leaving = useRef(false);
  const shift = useShift(rows);

  const toEnd = () => list.current?.scrollToIndex(rows.length - 1, { align: "end" });
  const keepEnd = () => {
    if (atEnd.current && follows) toEnd();
  };
  const toIndex = (index: number, place: Opening["place"]) =>
    list.current?.scrollToIndex(index, place === "top" ? { align: "start", offset: above } : { align: "center" });
  const readPosition = (now: number) => {
    const view = list.current;
    if (view === null) return;
    const left = view.scrollSize - view.viewportSize - now;
    // New rows below do not move the list away from the end. Only scrolling up does.
    const reached = left <= slack || (atEnd.current && follows && now >= offset.current - 1);
    offset.current = now;
    if (reached !== atEnd.current) {
      atEnd.current = reached;
      onEnd(reached);
    }
    onView(view.findItemIndex(now), lastWhole(view, now + view.viewportSize));
    if (now < prefetchDistance) onBeginning();
    if (left < prefetchDistance) onNearEnd();
  };

  const readPositionAgain = () => {
    if (!leaving.current) readPosition(list.current?.scrollOffset ?? 0);
  };
  const scrolled = (now: number) => {
    leaving.current = false;
    readPosition(now);
  };
  const resized = () => {
    leaving.current = false;
    keepEnd();
    readPositionAgain();
  };
  const leave = () => {
    leaving.current = true;
    if (atEnd.current) onEnd(false);
    atEnd.current = false;
  };

  useImperativeHandle(ref, () => ({
    toEnd() {
      atEnd.current = true;
      onEnd(true);
      toEnd();
    },
    stay: leave,
    show: (key) => list.current?.scrollToIndex(indexOf(key), { align: "nearest" }),
    toKey(key, place) {
      leave();
      toIndex(indexOf(key), place);
    },
  }));
  useLayoutEffect(() => {
    if (opened >= 0) toIndex(opened, openAt?.place ?? "top");
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only once
  }, []);
  useLayoutEffect(keepEnd);
  useEffect(readPositionAgain);

  return (
    <div
      role="log"
      aria-live="off"
      aria-label={label}
      data-testid="messages"
      tabIndex={0}
      style={frame}
      onKeyDown={moveFocus}
    >
      <div style={filler} />
      <Virtualizer ref={list} data={rows} shift={shift} bufferSize={600} onScroll={scrolled} onResize={resized}>
        {(row: Row) => <div key={row.key}>{render(row)}</div>}
      </Virtualizer>
    </div>
  );
}

/** Returns the index of the last row that ends above a position. */
function lastWhole(view: VirtualizerHandle, position: number): number {
  const index = view.findItemIndex(position - 1);
  return view.getItemOffset(index) + view.getItemSize(index) <= position + slack ? index : index - 1;
}

/** Moves the focus to the message above or below. From the list itself it goes to the lowest or the highest one in view. */
function moveFocus(event: KeyboardEvent<HTMLDivElement>): void {
  const { key, target, currentTarget: log } = event;
  const on = target instanceof HTMLElement && target.matches("[data-row]") ? target : null;
  if ((key !== "ArrowUp" && key !== "ArrowDown") || (on === null && target !== log)) return;
  const rows = [...log.querySelectorAll<HTMLElement>("[data-row]")];
  const box = log.getBoundingClientRect();
  const inView = rows.filter(
    (row) => row.getBoundingClientRect().bottom > box.top && row.getBoundingClientRect().top < box.bottom,
  );
  const next =
    on === null ? inView.at(key === "ArrowUp" ? -1 : 0) : rows[rows.indexOf(on) + (key === "ArrowUp" ? -1 : 1)];
  if (next === undefined) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

/** Whether rows were added in front since the last render. */
function useShift(rows: readonly Row[]): boolean {
  const [seen, setSeen] = useState({ rows, shift: false });
  if (seen.rows !== rows) {
    const first = seen.rows.find(isMessageRow)?.key;
    setSeen({ rows, shift: rows.find(isMessageRow)?.key !== first && rows.some((row) => row.key === first) });
  }
  return seen.shift;
}

function isMessageRow(row: Row): boolean {
  return row.is === "message" || row.is === "outgoing";
}
