import { after, frame, soon, Throttle } from "./throttle";

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe("a Throttle", () => {
  test("runs once for all requests, and once more after the pause for those in it", () => {
    const run = jest.fn();
    const throttle = new Throttle(run, after(0), after(40));
    for (let i = 0; i < 9; i++) throttle.request();
    expect(run).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledTimes(1);
    for (let i = 0; i < 9; i++) throttle.request();
    jest.advanceTimersByTime(38);
    expect(run).toHaveBeenCalledTimes(1);
    jest.advanceTimersByTime(2);
    expect(run).toHaveBeenCalledTimes(2);
    jest.advanceTimersByTime(1_000);
    expect([run.mock.calls.length, jest.getTimerCount()]).toEqual([2, 0]);
  });

  test("runs in time although the clock is set back or forward", () => {
    const run = jest.fn();
    const throttle = new Throttle(run, after(0), after(40));
    for (const jump of [-3_600_000, 3_600_000]) {
      run.mockClear();
      throttle.request();
      jest.setSystemTime(Date.now() + jump);
      jest.advanceTimersByTime(100);
      expect(run).toHaveBeenCalledTimes(1);
    }
  });

  test("forgets what is due when it is cancelled", async () => {
    const run = jest.fn();
    for (const begin of [after(0), soon, frame]) {
      const throttle = new Throttle(run, begin, frame);
      throttle.request();
      throttle.cancel();
      await Promise.resolve();
      jest.advanceTimersByTime(1_000);
    }
    expect([run.mock.calls.length, jest.getTimerCount()]).toEqual([0, 0]);
  });

  test("runs what is requested while it runs", () => {
    let runs = 0;
    const throttle: Throttle = new Throttle(() => void (++runs < 3 && throttle.request()), after(0), after(40));
    throttle.request();
    jest.advanceTimersByTime(1_000);
    expect(runs).toBe(3);
  });
});

describe("a frame", () => {
  afterEach(() => {
    for (const name of ["requestAnimationFrame", "cancelAnimationFrame"]) Reflect.deleteProperty(globalThis, name);
  });

  test("comes with the screen's, or by itself on a page that is hidden", () => {
    const [run, draw] = [jest.fn(), { now: () => {} }];
    globalThis.requestAnimationFrame = (drawn) => ((draw.now = () => drawn(0)), 1);
    globalThis.cancelAnimationFrame = jest.fn();
    frame(run);
    draw.now();
    expect(run).toHaveBeenCalledTimes(1);
    jest.advanceTimersByTime(1_000);
    expect(run).toHaveBeenCalledTimes(1);
    frame(run);
    jest.advanceTimersByTime(50);
    expect(run).toHaveBeenCalledTimes(2);
  });
});
