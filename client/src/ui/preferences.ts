import { createContext, useContext } from "react";

import { Store, type Readable } from "../core/store";
import type { KeyValueStore } from "../core/device";
import { patientKeyValues } from "../core/patient";
import { isLanguage, type Language } from "./i18n";
import { deviceLanguages } from "./languages";

/** Light, dark, or the device's setting. */
export const schemes = ["system", "light", "dark"] as const;
export type Scheme = (typeof schemes)[number];

/** How much space the messages and the list of rooms take. */
export const densities = ["comfortable", "compact"] as const;
export type Density = (typeof densities)[number];

/** Whether the app shows notifications: not decided yet, yes, or no. */
export const notifying = ["unasked", "on", "off"] as const;
export type Notifying = (typeof notifying)[number];

/** The user's choices. A language of null is the device's language. */
export interface Choices {
  readonly language: Language | null;
  readonly scheme: Scheme;
  readonly density: Density;
  readonly notifications: Notifying;
}

/** The choices of the device's user, stored for all clients. */
export class Preferences {
  readonly choices: Readable<Choices>;
  readonly #choices = new Store<Choices>({
    language: null,
    scheme: "system",
    density: "comfortable",
    notifications: "unasked",
  });
  readonly #keyValues: KeyValueStore;
  #recent: readonly string[] = [];

  constructor(keyValues: KeyValueStore) {
    this.#keyValues = patientKeyValues(keyValues);
    this.choices = this.#choices;
  }

  /** Reads the stored choices. A choice that cannot be read has its default. */
  async load(): Promise<void> {
    const keys = ["language", "scheme", "density", "notifications", "emoji"];
    const [language, scheme, density, notifications, emoji] = await Promise.all(keys.map((key) => this.#read(key)));
    this.#recent = emoji?.split(" ").filter(Boolean) ?? [];
    this.#choices.set({
      language: language != null && isLanguage(language) ? language : null,
      scheme: schemes.find((s) => s === scheme) ?? "system",
      density: densities.find((d) => d === density) ?? "comfortable",
      notifications: notifying.find((n) => n === notifications) ?? "unasked",
    });
  }

  choose(choice: Partial<Choices>): void {
    const choices = { ...this.#choices.get(), ...choice };
    const { language, scheme, density, notifications } = choices;
    this.#choices.set(choices);
    this.#write("language", language);
    this.#write("scheme", scheme);
    this.#write("density", density);
    this.#write("notifications", notifications);
  }

  /** Returns the emoji that were picked last, the newest first. */
  recentEmoji(): readonly string[] {
    return this.#recent;
  }

  /** Notes that an emoji was picked. */
  noteEmoji(emoji: string, most: number): void {
    this.#recent = [emoji, ...this.#recent.filter((e) => e !== emoji)].slice(0, most);
    this.#write("emoji", this.#recent.join(" "));
  }

  #read(key: string): Promise<string | null> {
    return this.#keyValues.read(key).catch(() => null);
  }

  #write(key: string, value: string | null): void {
    void this.#keyValues.write(key, value).catch(() => undefined); // on failure the user must choose again after a restart
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
