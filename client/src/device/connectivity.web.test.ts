import { connectivity } from "./connectivity.web";

describe("A browser", () => {
  const page = new EventTarget();
  const state = { visibilityState: "visible" };
  const document = Object.assign(new EventTarget(), state);
  const navigator = { onLine: true };

  beforeEach(() => {
    for (const [name, value] of Object.entries({ window: page, document, navigator })) {
      Object.defineProperty(globalThis, name, { configurable: true, value });
    }
  });
  afterEach(() => ["window", "document", "navigator"].forEach((name) => Reflect.deleteProperty(globalThis, name)));

  test("knows whether it has a network", () => {
    expect(connectivity.online()).toBe(true);
    navigator.onLine = false;
    expect(connectivity.online()).toBe(false);
  });

  test.each(["online", "offline", "pageshow", "focus"])(
    "fires a wake event at %s until it is unsubscribed",
    (moment) => {
      const woken = jest.fn();
      const unsubscribe = connectivity.subscribe(woken);
      page.dispatchEvent(new Event(moment));
      expect(woken).toHaveBeenCalledTimes(1);
      unsubscribe();
      page.dispatchEvent(new Event(moment));
      expect(woken).toHaveBeenCalledTimes(1);
    },
  );

  test("fires a wake event when the page becomes visible, not when it is hidden", () => {
    const woken = jest.fn();
    const unsubscribe = connectivity.subscribe(woken);
    document.visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    expect(woken).not.toHaveBeenCalled();
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    expect(woken).toHaveBeenCalledTimes(1);
    unsubscribe();
    document.dispatchEvent(new Event("visibilitychange"));
    expect(woken).toHaveBeenCalledTimes(1);
  });
});
