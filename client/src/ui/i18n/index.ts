import { FluentBundle, FluentResource, type FluentVariable } from "@fluent/bundle";
import { createContext, useContext } from "react";

import { formatsOf, type Formats } from "./formats";
import { completeIntl } from "./plural";
import { texts as en } from "./texts.en";

completeIntl();

/** The languages of the app, each with its name in that language and its direction. Their texts are listed in texts.en.ts, texts.de.ts, texts.ar.ts. */
export const languages = {
  en: { name: "English", rtl: false },
  de: { name: "Deutsch", rtl: false },
  ar: { name: "العربية", rtl: true },
} as const;

export type Language = keyof typeof languages;

/** The texts that are loaded. */
const provided = new Map<Language, readonly FluentResource[]>();
provideTexts("en", en);

/** Adds the texts of a language, in the syntax of Fluent, see loadTexts. */
export function provideTexts(language: Language, texts: readonly string[]): void {
  provided.set(
    language,
    texts.map((text) => new FluentResource(text)),
  );
}

/** Whether the texts of a language are loaded. */
export function hasTexts(language: Language): boolean {
  return provided.has(language);
}

/** Whether a text is the tag of a language of the app. */
export function isLanguage(tag: string): tag is Language {
  return Object.keys(languages).includes(tag);
}

/** Returns the text of an id in the user's language. A value in it cannot change the direction of the text around it. */
export type Texts = (id: string, values?: Record<string, FluentVariable>) => string;

/** Returns the texts of a language, which are loaded, with the numbers of a locale. Missing texts are in English. */
export function textsOf(language: Language, numbers: () => string = () => language): Texts {
  const plain = bundleOf(language, language);
  let numbered: FluentBundle | undefined;
  const english = language === "en" ? [] : [bundleOf("en", "en")];
  const foreign = languages[language].rtl ? leftToRight : rightToLeft;
  return (id, values = {}) => {
    const isolated = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        typeof value === "string" ? isolate(value, foreign) : value,
      ]),
    );
    const hasNumber = Object.values(values).some((value) => typeof value === "number");
    const own = hasNumber ? (numbered ??= bundleOf(language, numbers())) : plain;
    for (const bundle of [own, ...english]) {
      const pattern = bundle.getMessage(id)?.value;
      if (pattern !== undefined && pattern !== null) return bundle.formatPattern(pattern, isolated, []);
    }
    return id;
  };
}

const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const leftToRight = /\p{L}/u;
const controls = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Removes direction controls from a text, and isolates it if it has letters of the other direction. */
function isolate(text: string, foreign: RegExp): string {
  const plain = text.replace(controls, "");
  return foreign.test(plain) ? `\u2068${plain}\u2069` : plain;
}

function bundleOf(language: Language, locale: string): FluentBundle {
  const bundle = new FluentBundle(locale, { useIsolating: false });
  for (const resource of provided.get(language) ?? []) bundle.addResource(resource);
  return bundle;
}

/** The language of the app, its texts, and how it writes dates, times and numbers. */
export interface Locale {
  readonly language: Language;
  readonly rtl: boolean;
  readonly t: Texts;
  readonly formats: Formats;
}

/** Returns the locale of a language. Without formats it writes as most of the language's speakers do. */
export function localeOf(language: Language, formats: Formats = usual(language)): Locale {
  return { language, rtl: languages[language].rtl, t: textsOf(language, formats.tag), formats };
}

function usual(language: Language): Formats {
  return formatsOf(language, { tag: language, region: null, hourCycle: null }, "");
}

export const LocaleContext = createContext<Locale>(localeOf("en"));

export function useLocale(): Locale {
  return useContext(LocaleContext);
}
