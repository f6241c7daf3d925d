import { localeOf, type Language } from ".";
import { formatDate, formatNumber, formatsOf, type DeviceFormats } from "./formats";
import { inZone } from "../zone.fakes";

const time = new Date(2026, 4, 5, 21, 7);

/** A browser with this locale. */
const browser = (tag: string): DeviceFormats => ({
  tag,
  region: new Intl.Locale(tag).maximize().region ?? null,
  hourCycle: null,
});
const phone = (tag: string, region: string, hourCycle: "h12" | "h23"): DeviceFormats => ({ tag, region, hourCycle });

function written(language: Language, device: DeviceFormats): string[] {
  const formats = formatsOf(language, device, "");
  return [formatDate(time, "clock", formats), formatDate(time, "date", formats)].map((text) =>
    text.replace(/\s/g, " "),
  );
}

describe("a browser's locale", () => {
  test.each([
    ["en", "en-US", "9:07 PM", "May 5"],
    ["en", "en", "9:07 PM", "May 5"],
    ["en", "en-GB", "21:07", "5 May"],
    ["en", "en-AU", "9:07 pm", "5 May"],
    ["en", "en-CA", "9:07 p.m.", "May 5"],
    ["de", "de-DE", "21:07", "5. Mai"],
    ["de", "de", "21:07", "5. Mai"],
    ["de", "de-AT", "21:07", "5. Mai"],
    ["ar", "ar-EG", "٩:٠٧ م", "٥ مايو"],
    ["ar", "ar-MA", "21:07", "5 ماي"],
  ] as const)("in %s, the app's language, is used as it is: %s", (language, tag, clock, date) => {
    expect(written(language, browser(tag))).toEqual([clock, date]);
  });

  test.each([
    ["en", "fr-FR", "21:07", "5 May"],
    ["en", "de", "21:07", "5 May"],
    ["en", "it-IT", "21:07", "5 May"],
    ["en", "pt-BR", "21:07", "5 May"],
    ["en", "fa-IR", "21:07", "5 May"],
    ["en", "ja-JP", "21:07", "May 5"],
    ["en", "ar-EG", "9:07 pm", "5 May"],
    ["de", "en-US", "9:07 PM", "5. Mai"],
    ["de", "en-GB", "21:07", "5. Mai"],
    ["ar", "de-DE", "21:07", "5 مايو"],
  ] as const)("gives %s words the order and the clock of its region: %s", (language, tag, clock, date) => {
    expect(written(language, browser(tag))).toEqual([clock, date]);
  });
});

describe("a phone's settings", () => {
  test.each([
    ["en", "en-US", "US", "h23", "21:07", "May 5"],
    ["en", "en-US", "DE", "h23", "21:07", "5 May"],
    ["en", "en-GB", "GB", "h12", "9:07 pm", "5 May"],
    ["de", "de-DE", "DE", "h12", "9:07 PM", "5. Mai"],
    ["ar", "ar-EG", "EG", "h23", "٢١:٠٧", "٥ مايو"],
  ] as const)("of region and clock are kept: %s on %s, %s, %s", (language, tag, region, clock, time, date) => {
    expect(written(language, phone(tag, region, clock))).toEqual([time, date]);
  });
});

test("An engine that knows no English of a region writes the order of the device's language", () => {
  const real = Intl.DateTimeFormat.prototype.resolvedOptions;
  const few = jest.spyOn(Intl.DateTimeFormat.prototype, "resolvedOptions").mockImplementation(function (
    this: Intl.DateTimeFormat,
  ) {
    const options = real.call(this);
    return options.locale === "en-FR" ? { ...options, locale: "en" } : options;
  });
  expect(written("en", browser("fr-FR"))).toEqual(["21:07", "5 May"]);
  few.mockRestore();
});

test("Numbers have the digits of the locale, also in texts", () => {
  const { t, formats } = localeOf("ar", formatsOf("ar", browser("ar-EG"), ""));
  expect(formatNumber(1234, formats)).toBe("١٬٢٣٤");
  expect(t("remaining", { count: 1234 })).toContain("١٬٢٣٤");
  expect(localeOf("en", formatsOf("en", browser("de-DE"), "")).t("remaining", { count: 1234 })).toBe(
    "1.234 bytes left",
  );
});

test("Formats that are made after a change of the time zone use it", () => {
  const noon = new Date("2026-05-05T12:00:00Z");
  const clock = (zone: string) =>
    inZone(zone, () => formatDate(noon, "clock", formatsOf("de", browser("de-DE"), zone)));
  expect([clock("Europe/Berlin"), clock("Asia/Tokyo")]).toEqual(["14:00", "21:00"]);
});
