/** @jest-environment jsdom */
import { act, type ReactNode } from "react";

import { Frame } from "./Frame.web";

interface Root {
  render(node: ReactNode): void;
  unmount(): void;
}

const { createRoot } = jest.requireActual<{ createRoot(page: Element): Root }>("react-dom/client");
const onMenu = jest.fn();
let root: Root;
let row: Element;

beforeEach(() => {
  jest.useFakeTimers();
  onMenu.mockClear();
  const page = document.body.appendChild(document.createElement("div"));
  root = createRoot(page);
  act(() =>
    root.render(
      <Frame testID="row" onMenu={onMenu} bar={<></>}>
        {() => "hello"}
      </Frame>,
    ),
  );
  row = page.querySelector('[data-testid="row"]') ?? page;
});
afterEach(() => {
  act(() => root.unmount());
  jest.useRealTimers();
});

function finger(type: "pointerdown" | "pointermove" | "pointerup", at: number): void {
  const event = new MouseEvent(type, { bubbles: true, clientX: at, clientY: at });
  act(() => void row.dispatchEvent(Object.assign(event, { pointerType: "touch" })));
}

/** Lifts the finger. Returns whether the browser then makes a click of it. */
function lift(): boolean {
  finger("pointerup", 10);
  return row.dispatchEvent(new Event("touchend", { bubbles: true, cancelable: true }));
}

test("A finger that rests on a message opens its menu, and presses nothing when it is lifted", () => {
  finger("pointerdown", 10);
  act(() => jest.advanceTimersByTime(449));
  expect(onMenu).not.toHaveBeenCalled();
  act(() => jest.advanceTimersByTime(1));
  expect(onMenu).toHaveBeenCalledTimes(1);
  expect([lift(), lift()]).toEqual([false, true]);
});

test("A tap opens no menu, and is a click", () => {
  finger("pointerdown", 10);
  act(() => jest.advanceTimersByTime(100));
  expect(lift()).toBe(true);
  act(() => jest.advanceTimersByTime(1_000));
  expect(onMenu).not.toHaveBeenCalled();
});

test("A finger that moves scrolls, and opens no menu", () => {
  finger("pointerdown", 10);
  finger("pointermove", 40);
  act(() => jest.advanceTimersByTime(1_000));
  expect(onMenu).not.toHaveBeenCalled();
});
