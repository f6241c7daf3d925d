import { getCalendars, getLocales } from "expo-localization";

import type { DeviceFormats } from "./i18n/formats";

/** Returns the languages of the device, the preferred one first. */
export function deviceLanguages(): readonly string[] {
  return getLocales().map((locale) => locale.languageTag);
}

/** Returns how the device writes dates, times and numbers. Its region and its clock are settings of their own. */
export function deviceFormats(): DeviceFormats {
  const [{ languageTag, regionCode }] = getLocales();
  const [{ uses24hourClock }] = getCalendars();
  const hourCycle = uses24hourClock === null ? null : uses24hourClock ? "h23" : "h12";
  return { tag: languageTag, region: regionCode, hourCycle };
}
