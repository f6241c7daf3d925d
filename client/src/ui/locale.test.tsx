import { act, renderHook } from "@testing-library/react-native";

import { hasTexts, type Language } from "./i18n";
import { loadTexts } from "./i18n/load";
import { firstTexts, useDeviceLocale } from "./locale";
import { flushPromises } from "./testing";
import { onWake } from "./wake";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));
jest.mock("./i18n/load");
jest.mock("./wake");
jest.mock("./i18n", () => ({ ...jest.requireActual<object>("./i18n"), hasTexts: jest.fn() }));

let loaded: Set<Language>;
let load: () => Promise<void>;
const wake = () => jest.mocked(onWake).mock.lastCall?.[0]();

beforeEach(() => {
  loaded = new Set(["en"]);
  jest.mocked(onWake).mockReturnValue(() => undefined);
  jest.mocked(hasTexts).mockImplementation((language) => loaded.has(language));
  load = () => Promise.resolve();
  jest.mocked(loadTexts).mockImplementation(async (language) => {
    await load();
    loaded.add(language);
  });
});

test("The app is in the language that it had until the texts of the chosen one are loaded", async () => {
  let answer: () => void = () => undefined;
  load = () => new Promise((resolve) => (answer = resolve));
  const { result, rerender } = renderHook(({ chosen }: { chosen: Language }) => useDeviceLocale(chosen), {
    initialProps: { chosen: "de" },
  });
  expect(result.current.language).toBe("en");
  await flushPromises(answer);
  expect(result.current.language).toBe("de");
  rerender({ chosen: "ar" });
  expect([result.current.language, result.current.t("cancel")]).toEqual(["de", "Abbrechen"]);
  await flushPromises(answer);
  expect([result.current.language, result.current.rtl]).toEqual(["ar", true]);
});

test("Texts that could not be loaded are tried again when the app wakes", async () => {
  load = () => Promise.reject(new Error("offline"));
  const { result } = renderHook(() => useDeviceLocale("de"));
  await flushPromises();
  expect(result.current.language).toBe("en");
  load = () => Promise.resolve();
  await flushPromises(wake);
  expect(result.current.language).toBe("de");
});

test("The app starts with its texts, or in English if they do not come", async () => {
  jest.useFakeTimers();
  const started = jest.fn();
  void firstTexts("de").then(started);
  await flushPromises();
  expect(started).toHaveBeenCalledTimes(1);

  load = () => Promise.reject(new Error("offline"));
  void firstTexts("de").then(started);
  await flushPromises();
  expect(started).toHaveBeenCalledTimes(2);

  load = () => new Promise(() => undefined);
  void firstTexts("de").then(started);
  await flushPromises();
  expect(started).toHaveBeenCalledTimes(2);
  await act(() => jest.advanceTimersByTimeAsync(2_000));
  expect(started).toHaveBeenCalledTimes(3);
  jest.useRealTimers();
});
