import { useEffect, useImperativeHandle, useLayoutEffect, useRef, useState, type CSSProperties } from "react";
import { Virtualizer, type VirtualizerHandle } from "virtua";

import type { ListProps } from "./list";
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
  overflowAnchor: "none",
  overscrollBehavior: "contain",
  contain: "strict",
};

export function List({ ref, rows, render, openAt, label, onBeginning, onEnd, onTop }: ListProps) {
  const list = useRef<VirtualizerHandle>(null);
  const [opened] = useState(() => rows.findIndex((row) => row.key === openAt));
  const atEnd = useRef(opened < 0);
  const offset = useRef(0);
  /** True from an intended move away from the end until the scroll or resize event that follows. */
  const leaving = useRef(false);
  const shift = useShift(rows);

  const toEnd = () => list.current?.scrollToIndex(rows.length - 1, { align: "end" });
  const keepEnd = () => {
    if (atEnd.current) toEnd();
  };
  const readPosition = (now: number) => {
    const view = list.current;
    if (view === null) return;
    const left = view.scrollSize - view.viewportSize - now;
    // New rows below do not move the list away from the end. Only scrolling up does.
    const reached = left <= slack || (atEnd.current && now >= offset.current - 1);
    offset.current = now;
    if (reached !== atEnd.current) {
      atEnd.current = reached;
      onEnd(reached);
    }
    onTop(view.findItemIndex(now));
    if (now < prefetchDistance) onBeginning();
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
    show: (key) =>
      list.current?.scrollToIndex(
        rows.findIndex((row) => row.key === key),
        { align: "nearest" },
      ),
    toKey(key) {
      leave();
      list.current?.scrollToIndex(
        rows.findIndex((row) => row.key === key),
        { align: "start", offset: above },
      );
    },
  }));
  useLayoutEffect(() => {
    if (opened >= 0) list.current?.scrollToIndex(opened, { align: "start", offset: above });
  }, [opened]);
  useLayoutEffect(keepEnd);
  useEffect(readPositionAgain);

  return (
    <div role="log" aria-live="off" aria-label={label} data-testid="messages" tabIndex={0} style={frame}>
      <Virtualizer ref={list} data={rows} shift={shift} bufferSize={600} onScroll={scrolled} onResize={resized}>
        {(row: Row) => <div key={row.key}>{render(row)}</div>}
      </Virtualizer>
    </div>
  );
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
