import type { KeyValueStore } from "../core/device";
import { deviceLanguage, Preferences } from "./preferences";

function keyValuesOf(values: Record<string, string>): KeyValueStore {
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
    const preferences = new Preferences(keyValuesOf({}));
    await preferences.load();
    expect(preferences.choices.get()).toEqual({
      language: null,
      scheme: "system",
      density: "comfortable",
      notifications: "unasked",
    });
  });

  test("are stored, each separately", async () => {
    const values = {};
    new Preferences(keyValuesOf(values)).choose({ language: "ar" });
    const second = new Preferences(keyValuesOf(values));
    await second.load();
    second.choose({ scheme: "dark", density: "compact", notifications: "on" });
    const third = new Preferences(keyValuesOf(values));
    await third.load();
    expect(third.choices.get()).toEqual({ language: "ar", scheme: "dark", density: "compact", notifications: "on" });
    third.choose({ language: null });
    expect(values).toEqual({ scheme: "dark", density: "compact", notifications: "on" });
  });

  test("ignore unknown values", async () => {
    const preferences = new Preferences(keyValuesOf({ language: "toString", scheme: "pink", notifications: "maybe" }));
    await preferences.load();
    expect(preferences.choices.get()).toEqual({
      language: null,
      scheme: "system",
      density: "comfortable",
      notifications: "unasked",
    });
  });

  test("work without storage", async () => {
    const broken = {
      read: () => Promise.reject(new Error("denied")),
      write: () => Promise.reject(new Error("denied")),
    };
    const preferences = new Preferences(broken);
    await preferences.load();
    preferences.choose({ scheme: "light" });
    expect(preferences.choices.get().scheme).toBe("light");
  });
});

test.each([
  [["de-AT", "en"], "de"],
  [["fr-FR", "ar-EG", "en"], "ar"],
  [["fr"], "en"],
  [[], "en"],
  [["en-GB"], "en"],
  [["constructor"], "en"],
])("with %j the app uses %s", (tags, language) => {
  expect(deviceLanguage(tags)).toBe(language);
});

test("Key values that do not answer leave the defaults, and do not keep the app waiting", async () => {
  jest.useFakeTimers();
  const hanging = { read: () => new Promise<null>(() => {}), write: () => new Promise<void>(() => {}) };
  const preferences = new Preferences(hanging);
  const loaded = preferences.load();
  await jest.advanceTimersByTimeAsync(5_000);
  await loaded;
  expect(preferences.choices.get().scheme).toBe("system");
  jest.useRealTimers();
});
