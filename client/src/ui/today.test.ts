import { act, renderHook } from "@testing-library/react-native";

import { deviceFormats } from "./languages";
import { Calendar, daysAgo, useToday } from "./today";
import { onWake } from "./wake";
import { inZone } from "./zone.fakes";

jest.mock("./wake");
jest.mock("./languages", () => ({ deviceFormats: jest.fn(() => ({ tag: "en-US", region: "US", hourCycle: "h12" })) }));

const asleep = jest.fn();
const wake = () => jest.mocked(onWake).mock.lastCall?.[0]();
const clockOf = (hourCycle: "h12" | "h23") =>
  jest.mocked(deviceFormats).mockReturnValue({ tag: "en-US", region: "US", hourCycle });

const at = (...[year, month, day, hour, minute]: [number, number, number, number, number]) =>
  new Date(year, month - 1, day, hour, minute);
const dayOf = (calendar: Calendar) => new Date(calendar.get().start).toDateString();

beforeEach(() => {
  jest.useFakeTimers();
  jest.mocked(onWake).mockReturnValue(asleep);
  clockOf("h12");
});
afterEach(() => jest.useRealTimers());

/** Watches a calendar, and returns the days that it told. */
function watched(): { readonly calendar: Calendar; readonly days: string[]; readonly end: () => void } {
  const calendar = new Calendar();
  const days: string[] = [];
  const end = calendar.subscribe(() => days.push(dayOf(calendar)));
  return { calendar, days, end };
}

describe("the day", () => {
  test("changes at midnight, and not before", () => {
    jest.setSystemTime(at(2026, 5, 15, 23, 30));
    const { calendar, days, end } = watched();
    const before = calendar.get();
    jest.advanceTimersByTime(30 * 60_000 - 1);
    expect([days, calendar.get()]).toEqual([[], before]);
    jest.advanceTimersByTime(1);
    expect(days).toEqual(["Sat May 16 2026"]);
    jest.advanceTimersByTime(24 * 3_600_000);
    expect(days).toEqual(["Sat May 16 2026", "Sun May 17 2026"]);
    end();
    expect(jest.getTimerCount()).toBe(0);
  });

  test.each([
    ["Europe/Berlin", "23 hours long, in spring", "2026-03-28T23:00:00Z", 23, "Mon Mar 30 2026"],
    ["Europe/Berlin", "25 hours long, in autumn", "2026-10-24T22:00:00Z", 25, "Mon Oct 26 2026"],
    [
      "Africa/Cairo",
      "longer than its clock, which goes back at midnight",
      "2026-10-28T21:00:00Z",
      25,
      "Fri Oct 30 2026",
    ],
    ["Asia/Beirut", "without its first hour", "2026-03-28T22:00:00Z", 23, "Mon Mar 30 2026"],
  ])("in %s may be %s", (zone, _, begin, hours, next) =>
    inZone(zone, () => {
      jest.setSystemTime(new Date(begin));
      const { calendar, days, end } = watched();
      jest.advanceTimersByTime(hours * 3_600_000 - 1);
      expect(days).toEqual([]);
      jest.advanceTimersByTime(1);
      expect([days, daysAgo(new Date(begin), calendar.get())]).toEqual([[next], 1]);
      end();
    }),
  );

  test("is looked up after sleep, when timers are late", () => {
    jest.setSystemTime(at(2026, 5, 15, 23, 59));
    const { days, end } = watched();
    jest.setSystemTime(at(2026, 5, 18, 8, 0));
    wake();
    expect(days).toEqual(["Mon May 18 2026"]);
    end();
    expect(asleep).toHaveBeenCalled();
  });

  test("follows a clock that is set, within a minute", () => {
    jest.setSystemTime(at(2026, 5, 15, 12, 0));
    const { days, end } = watched();
    jest.setSystemTime(at(2026, 5, 13, 12, 0));
    jest.advanceTimersByTime(60_000);
    expect(days).toEqual(["Wed May 13 2026"]);
    end();
  });

  test("is right when nobody has watched it for a while", () => {
    jest.setSystemTime(at(2026, 5, 15, 12, 0));
    const calendar = new Calendar();
    expect(dayOf(calendar)).toBe("Fri May 15 2026");
    jest.setSystemTime(at(2026, 5, 16, 12, 0));
    expect(dayOf(calendar)).toBe("Sat May 16 2026");
  });

  test("is another one after a change of the time zone, once", () => {
    const evening = new Date("2026-05-15T20:00:00Z");
    jest.setSystemTime(evening);
    inZone("Europe/Berlin", () => {
      const { calendar, days, end } = watched();
      wake();
      expect(days).toEqual([]);
      inZone("Asia/Tokyo", () => {
        wake();
        wake();
        expect(days).toEqual(["Sat May 16 2026"]);
        expect(calendar.get().zone).toContain("GMT+0900");
      });
      end();
    });
  });

  test("tells zones apart that agree in winter", () => {
    jest.setSystemTime(at(2026, 1, 15, 12, 0));
    const zones = ["America/Denver", "America/Phoenix"].map((zone) => inZone(zone, () => new Calendar().get().zone));
    expect(zones[0]).not.toBe(zones[1]);
  });

  test("tells another clock of the device", () => {
    const { calendar, days, end } = watched();
    clockOf("h23");
    wake();
    wake();
    expect([days.length, calendar.get().device.hourCycle]).toEqual([1, "h23"]);
    end();
  });
});

test("daysAgo counts the days of the calendar", () =>
  inZone("Europe/Berlin", () => {
    jest.setSystemTime(at(2026, 3, 30, 0, 0));
    const today = new Calendar().get();
    expect([29, 28, 1].map((day) => daysAgo(at(2026, 3, day, 23, 59), today))).toEqual([1, 2, 29]);
    expect(daysAgo(at(2026, 3, 31, 0, 0), today)).toBe(-1);
  }));

test("What shows the day is drawn again at midnight", () => {
  jest.setSystemTime(at(2026, 5, 15, 23, 59));
  const { result, unmount } = renderHook(() => useToday());
  const before = result.current;
  act(() => void jest.advanceTimersByTime(60_000));
  expect(daysAgo(new Date(before.start), result.current)).toBe(1);
  unmount();
  expect(jest.getTimerCount()).toBe(0);
});
