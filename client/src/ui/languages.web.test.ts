import { deviceFormats } from "./languages.web";

test.each([
  ["fr-FR", "FR", "h23"],
  ["de", "DE", "h23"],
  ["en", "US", "h12"],
  ["en-GB", "GB", "h23"],
])("A browser tells its locale, with the region of most speakers if it has none: %s", (tag, region, hourCycle) => {
  const Real = Intl.DateTimeFormat;
  const own = jest
    .spyOn(Intl, "DateTimeFormat")
    .mockImplementation((locales, options) => new Real(locales ?? tag, options));
  expect(deviceFormats()).toEqual({ tag, region, hourCycle });
  own.mockRestore();
});
