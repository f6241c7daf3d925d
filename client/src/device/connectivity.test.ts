import { connectivity } from "./connectivity";

let appChanges: ((state: string) => void) | null = null;
jest.mock("react-native", () => ({
  AppState: {
    addEventListener: (_: "change", changed: (state: string) => void) => {
      appChanges = changed;
      return { remove: () => (appChanges = null) };
    },
  },
}));

test("A phone fires a wake event when the app comes to the front, until it is unsubscribed", () => {
  const woken = jest.fn();
  const unsubscribe = connectivity.subscribe(woken);
  for (const state of ["inactive", "background", "active"]) appChanges?.(state);
  expect(woken).toHaveBeenCalledTimes(1);
  unsubscribe();
  expect(appChanges).toBeNull();
  expect(connectivity.online()).toBe(true);
});
