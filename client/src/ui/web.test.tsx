/** @jest-environment jsdom */
import { act, renderHook } from "@testing-library/react-native";

import { onLeave } from "./leave.web";
import { configurePage, setPageTitle } from "./page.web";
import { useLayer, usePlace } from "./place.web";

/** Resolves when the browser has gone back or forward. */
const moved = () => new Promise((resolve) => window.addEventListener("popstate", resolve, { once: true }));

describe("the place in a browser", () => {
  const at = (hash: string) => history.replaceState(null, "", `/${hash}`);
  const place = () => renderHook(() => usePlace()).result;

  test.each([
    ["", null],
    ["#/garden", "garden"],
    ["#garden", null],
    ["#/", null],
    ["#/No Room", null],
    ["#token=x", null],
    ["#/a/b", null],
    [`#/${"x".repeat(65)}`, null],
  ])("of %j is %j", (hash, room) => {
    at(hash);
    expect(place().current.room).toBe(room);
  });

  test.each([
    ["#/garden/12", "garden", 12],
    ["#/garden/0", null, null],
    ["#/garden/-1", null, null],
    ["#/garden/1.5", null, null],
    ["#/garden/1e3", null, null],
    ["#/garden/12/", null, null],
    ["#/garden/", null, null],
    [`#/garden/${"9".repeat(16)}`, null, null],
  ])("of %j is the message %s/%s", (hash, room, seq) => {
    at(hash);
    expect(place().current).toMatchObject({ room, seq });
  });

  test("shows a message of the visible room, and Back leads to where the reader was", async () => {
    at("#/garden");
    const result = place();
    act(() => result.current.show("garden", 7));
    expect([location.hash, result.current.seq]).toEqual(["#/garden/7", 7]);
    await act(async () => {
      history.back();
      await moved();
    });
    expect([location.hash, result.current.seq]).toEqual(["#/garden", null]);
  });

  test("is in the address, with one history entry per room", async () => {
    at("");
    const result = place();
    act(() => result.current.show("garden"));
    const before = history.length - 1;
    act(() => result.current.show("lobby"));
    act(() => result.current.show("lobby"));
    expect([result.current.room, location.hash, history.length]).toEqual(["lobby", "#/lobby", before + 2]);
    await act(async () => {
      history.back();
      await moved();
    });
    expect(result.current.room).toBe("garden");
  });

  test("leads back to the list that was shown before", async () => {
    at("");
    const result = place();
    act(() => result.current.show("garden"));
    const length = history.length;
    await act(async () => {
      result.current.back();
      await moved();
    });
    expect([result.current.room, location.hash, history.length]).toEqual([null, "", length]);
  });

  test("leads to the list without going back after a link to a room", () => {
    at("#/garden");
    const result = place();
    act(() => result.current.back());
    expect([result.current.room, location.hash]).toEqual([null, ""]);
  });

  test("follows a typed address", async () => {
    at("#/garden");
    const result = place();
    await act(async () => {
      location.hash = "#/lobby";
      await new Promise((resolve) => window.addEventListener("hashchange", resolve, { once: true }));
    });
    expect(result.current.room).toBe("lobby");
  });
});

describe("a layer over the page", () => {
  const closed: string[] = [];
  let place: { readonly current: ReturnType<typeof usePlace> };
  beforeEach(() => {
    place = renderHook(() => usePlace()).result;
  });
  const turn = () => act(() => new Promise((resolve) => setTimeout(resolve)));
  const begin = async (hash: string) => {
    closed.length = 0;
    act(() => history.pushState(null, "", `/${hash}`));
    await turn();
  };
  /** Opens a layer that goes away when it is told to close, as a dialog does. */
  const open = async (name: string) => {
    const drawn = renderHook(() =>
      useLayer(() => {
        closed.push(name);
        drawn.unmount();
      }),
    );
    await turn();
    return drawn;
  };
  const back = () =>
    act(async () => {
      history.back();
      await moved();
    });

  test("is what Back closes first, one layer each time", async () => {
    await begin("#/garden");
    await open("settings");
    await open("token");
    await back();
    expect([closed, location.hash]).toEqual([["token"], "#/garden"]);
    await back();
    expect([closed, location.hash]).toEqual([["token", "settings"], "#/garden"]);
  });

  test("leaves no entry when it is closed otherwise", async () => {
    await begin("#/garden");
    const before = history.length;
    const gone = moved();
    (await open("one")).unmount();
    await act(() => gone);
    expect([closed, history.state, location.hash]).toEqual([[], null, "#/garden"]);
    await open("two");
    expect(history.length).toBe(before + 1);
    await back();
    expect(closed).toEqual(["two"]);
  });

  test("gives its entry to the room that is chosen in it", async () => {
    await begin("");
    const layer = await open("find");
    const length = history.length;
    act(() => place.current.show("lobby"));
    layer.unmount();
    await turn();
    expect([location.hash, history.length]).toEqual(["#/lobby", length]);
    await back();
    expect([place.current.room, closed]).toEqual([null, []]);
  });

  test("does not hinder the way to the list", async () => {
    await begin("");
    act(() => place.current.show("lobby"));
    const layer = await open("leave");
    const gone = moved();
    act(() => place.current.back());
    layer.unmount();
    await act(() => gone);
    await act(() => moved());
    expect([place.current.room, location.hash]).toEqual([null, ""]);
  });

  test("is not opened again by Forward", async () => {
    await begin("#/garden");
    await open("one");
    await back();
    const there = moved();
    history.forward();
    await act(() => there);
    await act(() => moved());
    expect([history.state, closed]).toEqual([null, ["one"]]);
  });
});

test("the page is configured as chosen", () => {
  document.head.innerHTML =
    '<meta name="theme-color" media="(prefers-color-scheme: light)"><meta name="theme-color" media="(prefers-color-scheme: dark)">';
  const colours = () => [...document.querySelectorAll("meta")].map((meta) => meta.content);
  const root = document.documentElement;
  configurePage("ar", true, "dark");
  expect([root.lang, root.dir, root.dataset["scheme"], colours()]).toEqual([
    "ar",
    "rtl",
    "dark",
    ["#171b23", "#171b23"],
  ]);
  configurePage("de", false, "light");
  expect([root.lang, root.dir, root.dataset["scheme"], colours()]).toEqual([
    "de",
    "ltr",
    "light",
    ["#ffffff", "#ffffff"],
  ]);
  configurePage("en", false, "system");
  expect([root.dataset["scheme"], colours()]).toEqual([undefined, ["#ffffff", "#171b23"]]);
  setPageTitle("(3) Restante");
  expect(document.title).toBe("(3) Restante");
});

test("onLeave fires when the user leaves the page, until it is unsubscribed", () => {
  let left = 0;
  const off = onLeave(() => left++);
  for (const event of ["pagehide", "blur"]) window.dispatchEvent(new Event(event));
  document.dispatchEvent(new Event("visibilitychange"));
  expect(left).toBe(2);
  Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
  expect(left).toBe(3);
  off();
  for (const event of ["pagehide", "blur"]) window.dispatchEvent(new Event(event));
  document.dispatchEvent(new Event("visibilitychange"));
  expect(left).toBe(3);
});
