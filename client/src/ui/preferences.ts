import { createContext, useContext } from "react";

import { Cell, type Readable } from "../core/cell";
import type { Keep } from "../core/device";
import { isLanguage, type Language } from "./i18n";
import { deviceLanguages } from "./languages";

/** Light, dark, or the device's setting. */
export const schemes = ["system", "light", "dark"] as const;
export type Scheme = (typeof schemes)[number];

/** The user's choices. A language of null is the device's language. */
export interface Choices {
  readonly language: Language | null;
  readonly scheme: Scheme;
}

/** The choices of the device's user, stored for all clients. */
export class Preferences {
  readonly choices: Readable<Choices>;
  readonly #choices = new Cell<Choices>({ language: null, scheme: "system" });
  readonly #keep: Keep;

  constructor(keep: Keep) {
    this.#keep = keep;
    this.choices = this.#choices;
  }

  /** Reads the stored choices. A choice that cannot be read has its default. */
  async load(): Promise<void> {
    const [language, scheme] = await Promise.all([this.#read("language"), this.#read("scheme")]);
    this.#choices.set({ language: language !== null && isLanguage(language) ? language : null, scheme: schemes.find((s) => s === scheme) ?? "system" });
  }

  choose(choice: Partial<Choices>): void {
    const { language, scheme } = { ...this.#choices.get(), ...choice };
    this.#choices.set({ language, scheme });
    this.#write("language", language);
    this.#write("scheme", scheme);
  }

  #read(key: string): Promise<string | null> {
    return this.#keep.read(key).catch(() => null);
  }

  #write(key: string, value: string | null): void {
    void this.#keep.write(key, value).catch(() => undefined); // on failure the user must choose again after a restart
  }
}

/** Returns the first of the device's languages that the app supports. */
export function deviceLanguage(tags: readonly string[] = deviceLanguages()): Language {
  return tags.map((tag) => tag.split("-")[0] ?? "").find(isLanguage) ?? "en";
}

export const PreferencesContext = createContext<Preferences | null>(null);

export function usePreferences(): Preferences {
  const preferences = useContext(PreferencesContext);
  if (preferences === null) throw new Error("usePreferences needs a PreferencesContext");
  return preferences;
}
