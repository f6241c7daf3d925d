/** @jest-environment jsdom */
import { act, renderHook } from "@testing-library/react-native";

import { useAttention } from "./useAttention.web";

afterEach(() => jest.restoreAllMocks());

test("A page has attention when it is visible and has the focus", () => {
  const focus = jest.spyOn(document, "hasFocus").mockReturnValue(true);
  const { result, unmount } = renderHook(() => useAttention());
  expect(result.current).toBe(true);
  focus.mockReturnValue(false);
  act(() => void window.dispatchEvent(new Event("blur")));
  expect(result.current).toBe(false);
  focus.mockReturnValue(true);
  act(() => void window.dispatchEvent(new Event("focus")));
  expect(result.current).toBe(true);
  const sight = jest.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  act(() => void document.dispatchEvent(new Event("visibilitychange")));
  expect(result.current).toBe(false);
  unmount();
  sight.mockClear();
  window.dispatchEvent(new Event("focus"));
  document.dispatchEvent(new Event("visibilitychange"));
  expect(sight).not.toHaveBeenCalled();
});
