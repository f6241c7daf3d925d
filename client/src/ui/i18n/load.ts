import { hasTexts, provideTexts, type Language } from ".";

/** The languages that a page loads when they are needed, so that each visit does not load all of them. English is in the app itself. */
const sources = { de: () => import("./texts.de"), ar: () => import("./texts.ar") } as const;

/** Loads the texts of a language. Rejects if they cannot be fetched now. May be called again. */
export async function loadTexts(language: Language): Promise<void> {
  if (language === "en" || hasTexts(language)) return;
  const { texts } = await sources[language]();
  provideTexts(language, texts);
}
