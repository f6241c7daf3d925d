import { formatDate, type Formats } from "../i18n/formats";
import { daysAgo, type Today } from "../today";

/** Returns the time of day. */
export function clockTime(time: Date, formats: Formats): string {
  return formatDate(time, "clock", formats);
}

/** Returns the full date and time, to the second. */
export function fullTime(time: Date, formats: Formats): string {
  return formatDate(time, "full", formats);
}

/** Returns the date and the time of day. */
export function dateAndTime(time: Date, formats: Formats): string {
  return formatDate(time, "dateAndTime", formats);
}

/** Returns the date of a day, or "today" or "yesterday". */
export function dayName(day: Date, formats: Formats, today: Today): "today" | "yesterday" | { readonly date: string } {
  const ago = daysAgo(day, today);
  if (ago === 0) return "today";
  if (ago === 1) return "yesterday";
  const sameYear = day.getFullYear() === new Date(today.start).getFullYear();
  return { date: formatDate(day, sameYear ? "day" : "dayOfYear", formats) };
}

/** Returns a short time: the time of day today, the weekday this week, otherwise the date. */
export function shortTime(time: Date, formats: Formats, today: Today): string {
  const ago = daysAgo(time, today);
  if (ago <= 0) return formatDate(time, "clock", formats);
  if (ago < 7) return formatDate(time, "weekday", formats);
  const sameYear = time.getFullYear() === new Date(today.start).getFullYear();
  return formatDate(time, sameYear ? "date" : "dateOfYear", formats);
}
