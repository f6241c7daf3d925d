import { FluentResource } from "@fluent/bundle";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { languages, textsOf, type Language } from ".";
import { completeIntl, pluralForms } from "./plural";
import { texts as ar } from "./texts.ar";
import { texts as de } from "./texts.de";
import { texts as en } from "./texts.en";

const textsIn: Record<Language, readonly string[]> = { en, de, ar };
const tags = Object.keys(languages) as Language[];
const resources = (language: Language) => textsIn[language].flatMap((text) => new FluentResource(text).body);
const ids = (language: Language) =>
  resources(language)
    .map((message) => message.id)
    .sort();

/** Returns the variables of a message in a language. */
function variables(language: Language, id: string): string[] {
  const found = JSON.stringify(resources(language).find((m) => m.id === id)).matchAll(/"type":"var","name":"(\w+)"/g);
  return [...new Set([...found].map(([, name]) => name ?? ""))].sort();
}

/** A choice between forms by a number. */
interface Select {
  readonly type: "select";
  readonly variants: readonly { readonly key: { readonly value: string } }[];
}

function isSelect(part: unknown): part is Select {
  return typeof part === "object" && part !== null && "type" in part && part.type === "select";
}

const isTexts = (name: string) => tags.some((tag) => name === `${tag}.ts` || name.startsWith(`${tag}.`));

/** Returns the sources of the screens, without tests and texts. */
function sources(directory: string): string {
  return readdirSync(directory, { withFileTypes: true })
    .map((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return sources(path);
      const read = /\.tsx?$/.test(entry.name) && !entry.name.includes("test") && !isTexts(entry.name);
      return read ? readFileSync(path, "utf8") : "";
    })
    .join("\n");
}

describe("the texts", () => {
  const source = sources(join(__dirname, ".."));
  /** Prefixes of ids that are composed, as in t(`link-${…}`). */
  const families = [...source.matchAll(/`([a-z-]+-)\$\{/g)].map(([, start]) => start ?? "");

  test.each(tags)("of %s are read without loss, each once", (language) => {
    const written = textsIn[language].join("\n").match(/^[a-z][a-z-]* =/gm) ?? [];
    expect(ids(language)).toHaveLength(written.length);
    expect(new Set(ids(language)).size).toBe(written.length);
  });

  test.each(tags)("of %s have the ids and variables of English", (language) => {
    expect(ids(language)).toEqual(ids("en"));
    for (const id of ids("en")) expect([id, variables(language, id)]).toEqual([id, variables("en", id)]);
  });

  test("of German say du, never Sie", () => {
    expect(textsIn.de.join("\n")).toMatch(/\bdein/); // so that the next line can fail
    expect(textsIn.de.join("\n").match(/.*\b(Sie|Ihnen|Ihr(e[mnrs]?)?)\b.*/g) ?? []).toEqual([]);
  });

  test.each(tags)("of %s with a number have all forms of the language", (language) => {
    const { pluralCategories } = new Intl.PluralRules(language).resolvedOptions();
    const needed = pluralCategories.filter((form) => form !== "zero").sort(); // "other" does for none
    const selects = resources(language).flatMap(({ id, value }) =>
      Array.isArray(value) ? value.flatMap((part) => (isSelect(part) ? [[id, part] as const] : [])) : [],
    );
    expect(selects.length).toBeGreaterThan(2);
    for (const [id, { variants }] of selects) {
      const forms = variants.map(({ key }) => key.value).filter((form) => form !== "zero");
      expect([id, forms.sort()]).toEqual([id, needed]);
    }
  });

  test("that are used exist", () => {
    const used = [...source.matchAll(/\bt\(\s*"([^"]+)"/g)].map(([, id]) => id);
    expect(used.length).toBeGreaterThan(30);
    expect(used.filter((id) => id !== undefined && !ids("en").includes(id))).toEqual([]);
  });

  test("that exist are used", () => {
    expect(
      ids("en").filter((id) => !source.includes(`"${id}"`) && !families.some((start) => id.startsWith(start))),
    ).toEqual([]);
  });

  test("of every problem exist", () => {
    const problems = ["not an address", "no answer", "not a name", "not a token", "expired", "not accepted"];
    expect(problems.filter((p) => !ids("en").includes(`problem-${p.replaceAll(" ", "-")}`))).toEqual([]);
  });
});

describe("textsOf", () => {
  test("uses the plural forms of the language", () => {
    const of = (language: Language, count: number) => textsOf(language)("link-waiting", { link: "x", count });
    expect([1, 2].map((n) => of("en", n))).toEqual(["x, 1 message waiting", "x, 2 messages waiting"]);
    expect([1, 2].map((n) => of("de", n))).toEqual(["x, 1 Nachricht wartet", "x, 2 Nachrichten warten"]);
    expect(new Set([1, 2, 3, 11].map((n) => of("ar", n).replace(/[\d٠-٩]/g, ""))).size).toBe(4);
  });

  test("does not let a value change the direction around it", () => {
    const t = textsOf("en");
    expect(t("leave-text", { room: "lobby" })).toMatch(/^lobby is removed/);
    expect(t("leave-text", { room: "\u202elobby\u2069" })).toMatch(/^lobby is removed/);
    expect(t("leave-text", { room: "غرفة" })).toMatch(/^\u2068غرفة\u2069 is removed/);
    expect(textsOf("ar")("leave-text", { room: "lobby" })).toContain("\u2068lobby\u2069");
  });

  test("returns the id of an unknown text", () => {
    expect(textsOf("de")("no-such-text")).toBe("no-such-text");
  });
});

describe("an engine without Intl.PluralRules", () => {
  const real = Intl.PluralRules;
  afterEach(() => Object.defineProperty(Intl, "PluralRules", { value: real, configurable: true, writable: true }));

  test.each(tags)("has the plural forms of %s", (language) => {
    const rules = new real(language);
    const numbers = [...Array(250).keys(), 1000, 1001, 1.5, 11.5];
    expect(numbers.map(pluralForms[language])).toEqual(numbers.map((n) => rules.select(n)));
  });

  test("gets Intl.PluralRules", () => {
    Reflect.deleteProperty(Intl, "PluralRules");
    const unread = (language: Language) => textsOf(language)("remaining", { count: 1 });
    expect(unread("en")).not.toBe("1 byte left");
    completeIntl();
    expect(unread("en")).toBe("1 byte left");
    expect(unread("ar")).toBe("بقي بايت واحد");
  });
});
