import { deviceFormats } from "./languages.web";

test.each([
  ["fr-FR", "FR"],
  ["de", "DE"],
  ["en", "US"],
  ["en-GB", "GB"],
])("A browser tells its locale, with the region of most speakers if it has none: %s", (tag, region) => {
  const Real = Intl.DateTimeFormat;
  const own = jest
    .spyOn(Intl, "DateTimeFormat")
    .mockImplementation((locales, options) => new Real(locales ?? tag, options));
  expect(deviceFormats()).toEqual({ tag, region, hourCycle: null });
  own.mockRestore();
});
