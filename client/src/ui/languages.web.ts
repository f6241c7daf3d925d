import { hourCycleOf, type DeviceFormats } from "./i18n/formats";

/** Returns the languages of the browser, the preferred one first. */
export function deviceLanguages(): readonly string[] {
  return navigator.languages;
}

/** Returns how the browser writes dates, times and numbers. A locale without a region has that of most of its speakers. */
export function deviceFormats(): DeviceFormats {
  const tag = new Intl.DateTimeFormat().resolvedOptions().locale;
  return { tag, region: new Intl.Locale(tag).maximize().region ?? null, hourCycle: hourCycleOf() };
}
