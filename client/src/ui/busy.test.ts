import { act, renderHook } from "@testing-library/react-native";

import { useBusy } from "./busy";

test("an action does not start again while it runs", async () => {
  const ends: (() => void)[] = [];
  const { result } = renderHook(() => useBusy(() => new Promise<void>((resolve) => ends.push(resolve))));
  const begin = () => act(() => result.current[1]());
  expect(result.current[0]).toBe(false);
  begin();
  begin();
  expect([result.current[0], ends.length]).toEqual([true, 1]);
  await act(async () => ends[0]?.());
  expect(result.current[0]).toBe(false);
  begin();
  expect([result.current[0], ends.length]).toEqual([true, 2]);
});
