import { clockTime, dateAndTime, dayName, fullTime } from "./times";

const time = new Date(2026, 4, 15, 9, 5, 7);

test("A time is in the language of the reader", () => {
  expect(clockTime(time, "en")).toMatch(/^9:05\sAM$/);
  expect(clockTime(time, "de")).toBe("9:05");
  expect(fullTime(time, "de")).toMatch(/^Freitag, 15. Mai 2026.*09:05:07$/);
  expect(dateAndTime(time, "de")).toMatch(/^15. Mai 2026.*09:05$/);
});

test("An invalid time is shown as an empty text", () => {
  expect([clockTime(new Date("x"), "en"), fullTime(new Date("x"), "en")]).toEqual(["", ""]);
});

test("A near day has a name, another one its date", () => {
  const day = (...parts: [number, number, number, number?]) => dayName(new Date(...parts), "en", time);
  expect(day(2026, 4, 15)).toBe("today");
  expect(day(2026, 4, 15, 23)).toBe("today");
  expect(day(2026, 4, 14, 0)).toBe("yesterday");
  expect(day(2026, 4, 13, 23)).toEqual({ date: "Wednesday, May 13" });
  expect(day(2025, 4, 13)).toEqual({ date: "Tuesday, May 13, 2025" });
  expect(day(2026, 4, 16)).toEqual({ date: "Saturday, May 16" });
});
