import { act, renderHook } from "@testing-library/react-native";

import type { Summary } from "../../core/chat";
import { inOrder, useCalmOrder } from "./order";

const rooms = (...names: string[]): Summary[] =>
  names.map((name) => ({ name, newest: null, unread: 0, mentions: 0, draft: "", level: "all", watched: true }));
const names = (list: readonly Summary[]) => list.map(({ name }) => name).join(" ");

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe("the order of the list", () => {
  const list = (...first: string[]) =>
    renderHook(({ now }: { now: Summary[] }) => useCalmOrder(now), { initialProps: { now: rooms(...first) } });

  test("is that of the newest messages while nobody touches it", () => {
    const { result, rerender } = list("a", "b", "c");
    rerender({ now: rooms("c", "a", "b") });
    expect(names(result.current.rooms)).toBe("c a b");
  });

  test.each(["pointer", "touch", "scroll", "focus"] as const)(
    "does not change during a %s and shortly after it",
    (why) => {
      const { result, rerender } = list("a", "b", "c");
      act(() => result.current.calm.hold(why));
      const { calm } = result.current;
      rerender({ now: rooms("c", "a", "b") });
      expect(names(result.current.rooms)).toBe("a b c");
      expect(result.current.calm).toBe(calm); // the list lets go of one that is replaced
      act(() => result.current.calm.release(why));
      rerender({ now: rooms("b", "c", "a") });
      act(() => jest.advanceTimersByTime(500));
      expect(names(result.current.rooms)).toBe("a b c");
      act(() => jest.advanceTimersByTime(500));
      expect(names(result.current.rooms)).toBe("b c a");
    },
  );

  test("stays until the last of several holds has gone", () => {
    const { result, rerender } = list("a", "b");
    act(() => result.current.calm.hold("pointer"));
    act(() => result.current.calm.hold("focus"));
    act(() => result.current.calm.release("pointer"));
    rerender({ now: rooms("b", "a") });
    act(() => jest.advanceTimersByTime(5_000));
    expect(names(result.current.rooms)).toBe("a b");
    act(() => result.current.calm.release("focus"));
    act(() => jest.advanceTimersByTime(5_000));
    expect(names(result.current.rooms)).toBe("b a");
  });

  test("goes on to hold when the pointer comes back at once", () => {
    const { result, rerender } = list("a", "b");
    act(() => result.current.calm.hold("pointer"));
    act(() => result.current.calm.release("pointer"));
    act(() => jest.advanceTimersByTime(500));
    act(() => result.current.calm.hold("pointer"));
    rerender({ now: rooms("b", "a") });
    act(() => jest.advanceTimersByTime(5_000));
    expect(names(result.current.rooms)).toBe("a b");
  });

  test("shows what the rooms have now, new ones last, and not those that are gone", () => {
    const [a, b, c] = rooms("a", "b", "c") as [Summary, Summary, Summary];
    const unread = { ...b, unread: 3 };
    expect(inOrder([c, unread, a], ["a", "b", "gone"])).toEqual([a, unread, c]);
  });
});
