import { localeOf } from "../i18n";
import { Calendar } from "../today";
import { clockTime, dateAndTime, dayName, fullTime, shortTime } from "./times";

const time = new Date(2026, 4, 15, 9, 5, 7);
const { formats: en } = localeOf("en");
const { formats: de } = localeOf("de");

beforeAll(() => void jest.useFakeTimers({ now: time }));
afterAll(() => void jest.useRealTimers());

test("A time is in the language of the reader", () => {
  expect(clockTime(time, en)).toMatch(/^9:05\sAM$/);
  expect(clockTime(time, de)).toBe("09:05");
  expect(fullTime(time, de)).toMatch(/^Freitag, 15. Mai 2026.*09:05:07$/);
  expect(dateAndTime(time, de)).toMatch(/^15. Mai 2026.*09:05$/);
});

test("An invalid time is shown as an empty text", () => {
  const invalid = new Date("x");
  expect([clockTime(invalid, en), fullTime(invalid, en), shortTime(invalid, en, new Calendar().get())]).toEqual([
    "",
    "",
    "",
  ]);
});

test("A near day has a name, another one its date", () => {
  const day = (...parts: [number, number, number, number?]) => dayName(new Date(...parts), en, new Calendar().get());
  expect(day(2026, 4, 15)).toBe("today");
  expect(day(2026, 4, 15, 23)).toBe("today");
  expect(day(2026, 4, 14, 0)).toBe("yesterday");
  expect(day(2026, 4, 13, 23)).toEqual({ date: "Wednesday, May 13" });
  expect(day(2025, 4, 13)).toEqual({ date: "Tuesday, May 13, 2025" });
  expect(day(2026, 4, 16)).toEqual({ date: "Saturday, May 16" });
});

test("A short time is a time today, a day this week, else a date", () => {
  const short = (...parts: [number, number, number, number?]) =>
    shortTime(new Date(...parts), de, new Calendar().get());
  expect(short(2026, 4, 15, 0)).toBe("00:00");
  expect(short(2026, 4, 14, 23)).toBe("Do");
  expect(short(2026, 4, 9, 23)).toBe("Sa");
  expect(short(2026, 4, 8, 23)).toBe("8. Mai");
  expect(short(2025, 4, 8, 23)).toBe("8. Mai 2025");
});
