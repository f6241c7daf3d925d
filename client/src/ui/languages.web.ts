import type { DeviceFormats } from "./i18n/formats";

/** Returns the languages of the browser, the preferred one first. */
export function deviceLanguages(): readonly string[] {
  return navigator.languages;
}

const browser: DeviceFormats = {
  get tag() {
    return new Intl.DateTimeFormat().resolvedOptions().locale;
  },
  get region() {
    return new Intl.Locale(this.tag).maximize().region ?? null;
  },
  hourCycle: null,
};

/**
 * Returns how the browser writes dates, times and numbers. A locale without a region has that of most of its speakers. The clock is the
 * locale's. Nothing of it changes while the page is open.
 */
export function deviceFormats(): DeviceFormats {
  return browser;
}
