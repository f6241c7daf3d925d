import { act, renderHook } from "@testing-library/react-native";
import { AppState, type AppStateStatus } from "react-native";

import { useAttention } from "./useAttention";

afterEach(() => jest.restoreAllMocks());

test("An app has attention when it is in front", () => {
  let changed: (state: AppStateStatus) => void = () => undefined;
  const remove = jest.fn();
  jest.spyOn(AppState, "addEventListener").mockImplementation((_, listener) => {
    changed = listener;
    return { remove };
  });
  const become = (state: AppStateStatus) => {
    AppState.currentState = state;
    changed(state);
  };
  become("active");
  const { result, unmount } = renderHook(() => useAttention());
  expect(result.current).toBe(true);
  act(() => become("background"));
  expect(result.current).toBe(false);
  unmount();
  expect(remove).toHaveBeenCalledTimes(1);
});
