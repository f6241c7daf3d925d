import type { Keep } from "../core/device";
import { deviceLanguage, Preferences } from "./preferences";

function keepOf(values: Record<string, string>): Keep {
  return {
    read: (key) => Promise.resolve(values[key] ?? null),
    write: (key, value) => {
      if (value === null) delete values[key];
      else values[key] = value;
      return Promise.resolve();
    },
  };
}

describe("Preferences", () => {
  test("start with the device's settings", async () => {
    const preferences = new Preferences(keepOf({}));
    await preferences.load();
    expect(preferences.choices.get()).toEqual({ language: null, scheme: "system" });
  });

  test("are stored, each separately", async () => {
    const values = {};
    new Preferences(keepOf(values)).choose({ language: "ar" });
    const second = new Preferences(keepOf(values));
    await second.load();
    second.choose({ scheme: "dark" });
    const third = new Preferences(keepOf(values));
    await third.load();
    expect(third.choices.get()).toEqual({ language: "ar", scheme: "dark" });
    third.choose({ language: null });
    expect(values).toEqual({ scheme: "dark" });
  });

  test("ignore unknown values", async () => {
    const preferences = new Preferences(keepOf({ language: "toString", scheme: "pink" }));
    await preferences.load();
    expect(preferences.choices.get()).toEqual({ language: null, scheme: "system" });
  });

  test("work without storage", async () => {
    const broken = { read: () => Promise.reject(new Error("denied")), write: () => Promise.reject(new Error("denied")) };
    const preferences = new Preferences(broken);
    await preferences.load();
    preferences.choose({ scheme: "light" });
    expect(preferences.choices.get().scheme).toBe("light");
  });
});

test.each([
  [["de-AT", "en"], "de"], [["fr-FR", "ar-EG", "en"], "ar"], [["fr"], "en"], [[], "en"], [["en-GB"], "en"], [["constructor"], "en"],
])("with %j the app uses %s", (tags, language) => {
  expect(deviceLanguage(tags)).toBe(language);
});
