import { AppState, type AppStateStatus } from "react-native";

import { onWake } from "./wake";

test("A phone's app wakes when it comes to the front, until this is ended", () => {
  const remove = jest.fn();
  const listen = jest.spyOn(AppState, "addEventListener").mockReturnValue({ remove });
  const woken = jest.fn();
  const end = onWake(woken);
  const changed = listen.mock.lastCall?.[1] as (state: AppStateStatus) => void;
  for (const state of ["inactive", "background", "active"] as const) changed(state);
  expect(woken).toHaveBeenCalledTimes(1);
  end();
  expect(remove).toHaveBeenCalledTimes(1);
});
