import { getCalendars, getLocales } from "expo-localization";

import { deviceFormats, deviceLanguages } from "./languages";

jest.mock("expo-localization");

function phone(languageTag: string, regionCode: string | null, uses24hourClock: boolean | null): void {
  const [locale] = jest.requireActual<{ getLocales: typeof getLocales }>("expo-localization").getLocales();
  jest.mocked(getLocales).mockReturnValue([{ ...locale, languageTag, regionCode }]);
  jest.mocked(getCalendars).mockReturnValue([{ calendar: null, uses24hourClock, firstWeekday: null, timeZone: null }]);
}

test.each([
  ["en-US", "DE", true, { tag: "en-US", region: "DE", hourCycle: "h23" }],
  ["ar-EG", "EG", false, { tag: "ar-EG", region: "EG", hourCycle: "h12" }],
  ["fr", null, null, { tag: "fr", region: null, hourCycle: null }],
])("A phone tells its language, region and clock: %s %s %s", (tag, region, is24, formats) => {
  phone(tag, region, is24);
  expect([deviceLanguages(), deviceFormats()]).toEqual([[tag], formats]);
});
