import { act, renderHook } from "@testing-library/react-native";
import { BackHandler } from "react-native";

import { useLayer, usePlace } from "./place";
import { leadTo } from "./spot";

/** The listeners of the back button. Android calls the newest first, until one returns true. */
const listeners: (() => boolean | null | undefined)[] = [];
jest.spyOn(BackHandler, "addEventListener").mockImplementation((_, listener) => {
  const own = () => listener({ type: "hardwareBackPress", timeStamp: 0 } as never);
  listeners.push(own);
  return { remove: () => void listeners.splice(listeners.indexOf(own), 1) };
});

/** Presses the back button. Returns whether the app has used it; otherwise Android leaves the app. */
function back(): boolean {
  let used = false;
  act(() => {
    used = [...listeners].reverse().some((listener) => listener() === true);
  });
  return used;
}

describe("Back", () => {
  test("closes what is open, the topmost first, then the room, then the app", () => {
    const closed: string[] = [];
    const place = renderHook(() => usePlace());
    const layer = (name: string) => {
      const drawn = renderHook(() =>
        useLayer(() => {
          closed.push(name);
          drawn.unmount();
        }),
      );
    };
    layer("menu");
    act(() => place.result.current.show("lobby", 3)); // the room is shown under the open menu
    layer("dialog");
    expect([back(), closed, place.result.current.room]).toEqual([true, ["dialog"], "lobby"]);
    expect([back(), closed, place.result.current.room]).toEqual([true, ["dialog", "menu"], "lobby"]);
    expect([back(), place.result.current.room, place.result.current.seq]).toEqual([true, null, null]);
    expect(back()).toBe(false);
    place.unmount();
    expect(listeners).toEqual([]);
  });

  test("calls what a layer wants to do now, not when it was opened", () => {
    const closed: string[] = [];
    const layer = renderHook(({ name }: { name: string }) => useLayer(() => void closed.push(name)), {
      initialProps: { name: "before" },
    });
    layer.rerender({ name: "after" });
    back();
    expect(closed).toEqual(["after"]);
    layer.unmount();
  });

  test("is not needed for a link: it closes what is open", () => {
    const closed: string[] = [];
    const place = renderHook(() => usePlace());
    const layers = ["menu", "dialog"].map((name) => renderHook(() => useLayer(() => void closed.push(name))));
    act(() => leadTo({ room: "garden", seq: 7 }));
    expect([closed, place.result.current]).toMatchObject([["dialog", "menu"], { room: "garden", seq: 7 }]);
    for (const layer of layers) layer.unmount();
    place.unmount();
  });

  test("begins at the list when somebody else signs in", () => {
    const first = renderHook(() => usePlace());
    act(() => first.result.current.show("lobby"));
    first.unmount();
    const second = renderHook(() => usePlace());
    expect(second.result.current.room).toBeNull();
    second.unmount();
  });
});
