import { Store, Emitter } from "./store";

describe("Store", () => {
  test("notifies its subscribers of every change, and only of changes", () => {
    const cell = new Store(1);
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

  test("treats NaN as equal to NaN", () => {
    const cell = new Store(NaN);
    const changed = jest.fn();
    cell.subscribe(changed);
    cell.set(NaN);
    expect(changed).not.toHaveBeenCalled();
  });
});

describe("Emitter", () => {
  test("two subscriptions of one function end one by one", () => {
    const emitter = new Emitter();
    const called = jest.fn();
    const off = emitter.subscribe(called);
    emitter.subscribe(called);
    off();
    off();
    emitter.emit();
    expect(called).toHaveBeenCalledTimes(1);
  });

  test("a subscriber that unsubscribes during emit does not affect the others", () => {
    const emitter = new Emitter();
    const called: string[] = [];
    const off = emitter.subscribe(() => (called.push("a"), off()));
    emitter.subscribe(() => called.push("b"));
    emitter.emit();
    emitter.emit();
    expect(called).toEqual(["a", "b", "b"]);
  });
});
