import type { Language } from "../i18n";

const formats = new Map<string, Intl.DateTimeFormat>();

/** Formats a time with a cached format, because creating one is slow. An invalid time gives an empty text. */
function format(time: Date, language: Language, how: Intl.DateTimeFormatOptions): string {
  if (Number.isNaN(time.getTime())) return "";
  const key = language + JSON.stringify(how);
  const made = formats.get(key) ?? new Intl.DateTimeFormat(language, how);
  formats.set(key, made);
  return made.format(time);
}

/** Returns the time of day. */
export function clockTime(time: Date, language: Language): string {
  return format(time, language, { hour: "numeric", minute: "2-digit" });
}

/** Returns the full date and time, to the second. */
export function fullTime(time: Date, language: Language): string {
  return format(time, language, { dateStyle: "full", timeStyle: "medium" });
}

/** Returns the date and the time of day. */
export function dateAndTime(time: Date, language: Language): string {
  return format(time, language, { dateStyle: "long", timeStyle: "short" });
}

/** Returns the date of a day, or "today" or "yesterday". */
export function dayName(
  day: Date,
  language: Language,
  now: Date = new Date(),
): "today" | "yesterday" | { readonly date: string } {
  const ago = Math.round((midnight(now) - midnight(day)) / 86_400_000);
  if (ago === 0) return "today";
  if (ago === 1) return "yesterday";
  const year = day.getFullYear() === now.getFullYear() ? {} : ({ year: "numeric" } as const);
  return { date: format(day, language, { weekday: "long", day: "numeric", month: "long", ...year }) };
}

function midnight(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
