import { useMemo } from "react";

import { localeOf, type Language, type Locale } from "./i18n";
import { formatsOf } from "./i18n/formats";
import { deviceLanguage } from "./preferences";
import { useToday } from "./today";

/** Returns the locale of a chosen language, or of the device's, with the device's formats. It is another one when these change. */
export function useDeviceLocale(chosen: Language | null): Locale {
  const { device, zone } = useToday();
  const language = chosen ?? deviceLanguage();
  return useMemo(() => localeOf(language, formatsOf(language, device, zone)), [language, device, zone]);
}
