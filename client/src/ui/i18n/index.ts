import { FluentBundle, FluentResource, type FluentVariable } from "@fluent/bundle";
import { createContext, useContext } from "react";

import { ar } from "./ar";
import { ar as arMessages } from "./ar.messages";
import { ar as arPeople } from "./ar.people";
import { ar as arRooms } from "./ar.rooms";
import { de } from "./de";
import { de as deMessages } from "./de.messages";
import { de as dePeople } from "./de.people";
import { de as deRooms } from "./de.rooms";
import { en } from "./en";
import { en as enMessages } from "./en.messages";
import { formatsOf, type Formats } from "./formats";
import { en as enPeople } from "./en.people";
import { en as enRooms } from "./en.rooms";
import { phones } from "./phones";
import { completeIntl } from "./plural";
import { reasons } from "./reasons";

completeIntl();

/** The languages of the app, each with its name in that language and its direction. */
export const languages = {
  en: { name: "English", rtl: false, texts: [en, enMessages, enPeople, enRooms, phones.en, reasons.en] },
  de: { name: "Deutsch", rtl: false, texts: [de, deMessages, dePeople, deRooms, phones.de, reasons.de] },
  ar: { name: "العربية", rtl: true, texts: [ar, arMessages, arPeople, arRooms, phones.ar, reasons.ar] },
} as const;

export type Language = keyof typeof languages;

/** Whether a text is the tag of a language of the app. */
export function isLanguage(tag: string): tag is Language {
  return Object.keys(languages).includes(tag);
}

/** Returns the text of an id in the user's language. A value in it cannot change the direction of the text around it. */
export type Texts = (id: string, values?: Record<string, FluentVariable>) => string;

/** Returns the texts of a language, with the numbers of a locale. Missing texts are in English. */
export function textsOf(language: Language, numbers: string = language): Texts {
  const bundles = [bundleOf(language, numbers), bundleOf("en", "en")];
  const foreign = languages[language].rtl ? leftToRight : rightToLeft;
  return (id, values = {}) => {
    const isolated = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        typeof value === "string" ? isolate(value, foreign) : value,
      ]),
    );
    for (const bundle of bundles) {
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
  for (const text of languages[language].texts) bundle.addResource(new FluentResource(text));
  return bundle;
}

/** The language of the app, its texts, and how it writes dates, times and numbers. */
export interface Locale {
  readonly language: Language;
  readonly rtl: boolean;
  readonly t: Texts;
  readonly formats: Formats;
}

const texts = new Map<string, Texts>();

/** Returns the locale of a language. Without formats it writes as most of the language's speakers do. */
export function localeOf(language: Language, formats: Formats = usual(language)): Locale {
  const key = `${language} ${formats.tag}`;
  const t = texts.get(key) ?? textsOf(language, formats.tag);
  texts.set(key, t); // reading the texts is slow
  return { language, rtl: languages[language].rtl, t, formats };
}

function usual(language: Language): Formats {
  return formatsOf(language, { tag: language, region: null, hourCycle: null }, "");
}

export const LocaleContext = createContext<Locale>(localeOf("en"));

export function useLocale(): Locale {
  return useContext(LocaleContext);
}
