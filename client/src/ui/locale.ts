import { useEffect, useMemo, useState } from "react";

import { hasTexts, localeOf, type Language, type Locale } from "./i18n";
import { formatsOf } from "./i18n/formats";
import { loadTexts } from "./i18n/load";
import { deviceLanguage } from "./preferences";
import { useToday } from "./today";
import { onWake } from "./wake";

/**
 * Returns the locale of a chosen language, or of the device's, with the device's formats. It is another one when these change, and when the
 * texts of another language are loaded. What cannot be loaded now is tried again when the app wakes.
 */
export function useDeviceLocale(chosen: Language | null): Locale {
  const { device, zone } = useToday();
  const wanted = chosen ?? deviceLanguage();
  const [language, show] = useState<Language>(hasTexts(wanted) ? wanted : "en");
  useEffect(() => {
    let current = true;
    const load = () =>
      void loadTexts(wanted).then(
        () => current && show(wanted),
        () => undefined,
      );
    load();
    const off = onWake(load);
    return () => {
      current = false;
      off();
    };
  }, [wanted]);
  return useMemo(() => localeOf(language, formatsOf(language, device, zone)), [language, device, zone]);
}

/** How long the app waits for the texts of its language before it starts in English, in milliseconds. */
const patience = 2_000;

/** Resolves when the texts of a chosen language, or of the device's, are loaded, or when that takes too long. */
export function firstTexts(chosen: Language | null): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, patience);
    void loadTexts(chosen ?? deviceLanguage())
      .catch(() => undefined)
      .finally(() => {
        clearTimeout(timer);
        resolve();
      });
  });
}
