import type { Language } from ".";

export type HourCycle = "h12" | "h23";

/**
 * How a device writes dates, times and numbers. A browser looks its values up when they are read, and a screen without dates and
 * numbers reads none: the first use of Intl's formats takes 15 ms, four times as long on a slow machine.
 */
export interface DeviceFormats {
  /** Its locale, a BCP 47 tag such as fr-FR. */
  readonly tag: string;
  /** Its region, such as FR; null if it tells none. */
  readonly region: string | null;
  /** Its clock; null if it tells none but that of its locale. */
  readonly hourCycle: HourCycle | null;
}

/** How the app writes dates, times and numbers: in the app's language, with the order, the clock and the digits of the device's region. */
export interface Formats {
  /** Returns a BCP 47 tag of the app's language. */
  readonly tag: () => string;
  readonly hourCycle: () => HourCycle;
  /** Tells the device's time zone from others, see Today. Formats that were made in another one go on in that. */
  readonly zone: string;
}

/** Returns the formats for a language on a device. */
export function formatsOf(language: Language, device: DeviceFormats, zone: string): Formats {
  let tag: string | undefined;
  return {
    tag: () => (tag ??= tagOf(language, device)),
    hourCycle: () => device.hourCycle ?? hourCycleOf(device.tag),
    zone,
  };
}

function hourCycleOf(tag: string): HourCycle {
  const { hourCycle } = new Intl.DateTimeFormat(tag, { hour: "numeric" }).resolvedOptions();
  return hourCycle === "h23" || hourCycle === "h24" ? "h23" : "h12";
}

/**
 * Returns the device's locale if it has the app's language, otherwise the app's language in the device's region. Engines do not know all
 * of these. The order of English is then that of the device's own language; German and Arabic have one order everywhere.
 */
function tagOf(language: Language, { tag, region }: DeviceFormats): string {
  const [own, ...rest] = tag.split("-");
  const isOwn = own === language;
  if (isOwn && (region === null || rest.length === 0 || rest.includes(region))) return tag;
  const regional = `${language}-${region ?? ""}`;
  if (region !== null && new Intl.DateTimeFormat(regional).resolvedOptions().locale === regional) return regional;
  if (isOwn) return tag;
  return language === "en" && isDayFirst(tag) ? "en-GB" : language;
}

function isDayFirst(tag: string): boolean {
  const parts = new Intl.DateTimeFormat(tag, { day: "numeric", month: "long" }).formatToParts();
  return parts.find(({ type }) => type === "day" || type === "month")?.type === "day";
}

const styles = {
  full: { dateStyle: "full", timeStyle: "medium" },
  dateAndTime: { dateStyle: "long", timeStyle: "short" },
  day: { weekday: "long", day: "numeric", month: "long" },
  dayOfYear: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
  weekday: { weekday: "short" },
  date: { day: "numeric", month: "short" },
  dateOfYear: { day: "numeric", month: "short", year: "numeric" },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

/** A kind of date or time; "clock" is the time of day. */
export type DateStyle = keyof typeof styles | "clock";

const dates = new WeakMap<Formats, Map<DateStyle, Intl.DateTimeFormat>>();
const numbers = new WeakMap<Formats, Intl.NumberFormat>();

/** Returns a date in a style. An invalid date gives an empty text. */
export function formatDate(time: Date, style: DateStyle, formats: Formats): string {
  if (Number.isNaN(time.getTime())) return "";
  const made = dates.get(formats) ?? new Map<DateStyle, Intl.DateTimeFormat>();
  dates.set(formats, made); // creating a format is slow
  const format = made.get(style) ?? new Intl.DateTimeFormat(formats.tag(), optionsOf(style, formats.hourCycle()));
  made.set(style, format);
  return format.format(time);
}

/** Returns a number with the separators and the digits of the formats. */
export function formatNumber(n: number, formats: Formats): string {
  const format = numbers.get(formats) ?? new Intl.NumberFormat(formats.tag());
  numbers.set(formats, format);
  return format.format(n);
}

function optionsOf(style: DateStyle, hourCycle: HourCycle): Intl.DateTimeFormatOptions {
  if (style === "clock") return { hour: hourCycle === "h23" ? "2-digit" : "numeric", minute: "2-digit", hourCycle };
  return { ...styles[style], hourCycle };
}
