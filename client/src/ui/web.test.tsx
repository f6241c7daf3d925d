/** @jest-environment jsdom */
import { act, renderHook } from "@testing-library/react-native";

import { onLeave } from "./leave.web";
import { configurePage, setPageTitle } from "./page.web";
import { usePlace } from "./place.web";

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

  test("is in the address, with one history entry per room", async () => {
    at("");
    const result = place();
    const before = history.length;
    act(() => result.current.show("garden"));
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
