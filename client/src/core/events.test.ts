import { EventRing } from "./events";
import { tokenOf } from "./fakes";

beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(() => jest.useRealTimers());

test("events have a time, a code and details", () => {
  const ring = new EventRing();
  ring.note("link", { is: "live" });
  jest.setSystemTime(Date.UTC(2026, 0, 2));
  ring.note("online");
  expect(ring.text()).toBe("2026-01-01T00:00:00.000Z link is=live\n2026-01-02T00:00:00.000Z online");
});

test("the last 500 are kept, and repeats in a row count as one", () => {
  const ring = new EventRing();
  for (let n = 0; n < 1_234; n++) ring.note("n", { n });
  for (let n = 0; n < 9; n++) ring.note("malformed");
  expect(ring.list).toHaveLength(500);
  expect(ring.list[0]?.details).toBe("n=735");
  expect(ring.list.at(-1)).toMatchObject({ code: "malformed", times: 9 });
  expect(ring.text()).toMatch(/malformed \(9 times\)$/);
});

test.each(["meet me at 5", tokenOf({ sub: "ann", exp: 4e9, rooms: ["a", "b", "c"] }), "größer", "a\nb", "<b>"])(
  "a detail that is more than a word is left out: %s",
  (secret) => {
    const ring = new EventRing();
    ring.note("a", { secret });
    expect(ring.text()).toMatch(/ a secret=…$/);
  },
);

test("an error is told by its name and its place, without what it says", () => {
  const ring = new EventRing();
  function fails() {
    throw new TypeError("meet me\n    at 5");
  }
  try {
    fails();
  } catch (error) {
    ring.caught("row", error);
  }
  ring.caught("row", "a secret");
  ring.caught("row", new Error("Minified React error #185; visit https://react.dev for secret"));
  expect(ring.text()).not.toMatch(/meet|secret|at 5/);
  expect(ring.list[0]?.details).toMatch(/^TypeError fails@events\.test\.ts:\d+:\d+ /);
  expect(ring.list[1]?.details).toBe("string");
  expect(ring.list[2]?.details).toMatch(/^Error #185 /);
});

test("changes are told", () => {
  const ring = new EventRing();
  const changed = jest.fn();
  ring.subscribe(changed);
  ring.note("a");
  expect(changed).toHaveBeenCalledTimes(1);
});
