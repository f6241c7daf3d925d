import { getLocales } from "expo-localization";

/** Returns the languages of the device, the preferred one first. */
export function deviceLanguages(): readonly string[] {
  return getLocales().map((locale) => locale.languageTag);
}
