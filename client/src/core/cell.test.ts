import { Bell, Cell } from "./cell";

describe("Cell", () => {
  test("tells its watchers of every change, and of nothing else", () => {
    const cell = new Cell(1);
    const seen: number[] = [];
    const off = cell.subscribe(() => seen.push(cell.get()));
    cell.set(1);
    cell.set(2);
    cell.update((n) => n + 1);
    off();
    cell.set(4);
    expect(seen).toEqual([2, 3]);
    expect(cell.get()).toBe(4);
  });

  test("takes NaN for the same value as NaN", () => {
    const cell = new Cell(NaN);
    const changed = jest.fn();
    cell.subscribe(changed);
    cell.set(NaN);
    expect(changed).not.toHaveBeenCalled();
  });
});

describe("Bell", () => {
  test("two subscriptions of one function end one by one", () => {
    const bell = new Bell();
    const rung = jest.fn();
    const off = bell.subscribe(rung);
    bell.subscribe(rung);
    off();
    off();
    bell.ring();
    expect(rung).toHaveBeenCalledTimes(1);
  });

  test("those who unsubscribe while it rings do not disturb the others", () => {
    const bell = new Bell();
    const rung: string[] = [];
    const off = bell.subscribe(() => (rung.push("a"), off()));
    bell.subscribe(() => rung.push("b"));
    bell.ring();
    bell.ring();
    expect(rung).toEqual(["a", "b", "b"]);
  });
});
