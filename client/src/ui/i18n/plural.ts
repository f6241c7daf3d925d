import type { Language } from ".";

const arabic = (n: number): Intl.LDMLPluralRule => {
  if (!Number.isInteger(n)) return "other";
  const rest = n % 100;
  if (n === 0) return "zero";
  if (n === 1) return "one";
  if (n === 2) return "two";
  return rest >= 3 && rest <= 10 ? "few" : rest >= 11 ? "many" : "other";
};

const one = (n: number): Intl.LDMLPluralRule => (n === 1 ? "one" : "other");

/** The plural forms, see the plural rules of the Unicode CLDR. */
export const pluralForms: Record<Language, (n: number) => Intl.LDMLPluralRule> = { en: one, de: one, ar: arabic };

/** Adds Intl.PluralRules to engines without it, such as Hermes. It supports only the app's languages and what Fluent needs. */
export function completeIntl(): void {
  if ("PluralRules" in Intl) return;
  class PluralRules {
    readonly select: (n: number) => Intl.LDMLPluralRule;

    constructor(languages: string | readonly string[]) {
      const first = typeof languages === "string" ? languages : languages[0];
      this.select = first?.split("-")[0] === "ar" ? pluralForms.ar : one;
    }
  }
  Object.defineProperty(Intl, "PluralRules", { value: PluralRules, configurable: true });
}
