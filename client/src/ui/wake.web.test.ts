/** @jest-environment jsdom */
import { onWake } from "./wake.web";

test.each([
  [window, "focus"],
  [window, "pageshow"],
  [window, "languagechange"],
  [document, "visibilitychange"],
])("A page wakes, until this is ended: %s %s", (target, event) => {
  const woken = jest.fn();
  const end = onWake(woken);
  target.dispatchEvent(new Event(event));
  expect(woken).toHaveBeenCalledTimes(1);
  end();
  target.dispatchEvent(new Event(event));
  expect(woken).toHaveBeenCalledTimes(1);
});
