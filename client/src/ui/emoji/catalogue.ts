import type { Language } from "../i18n";

/** An emoji, the group it belongs to, and its short names, such as `smile`. The first one is that of GitHub. */
export interface Emoji {
  readonly text: string;
  readonly group: number;
  readonly names: readonly string[];
}

/** The groups of emoji, in their order: the ids of their names, and an emoji that stands for each. */
export const groups = [
  ["smileys", "😀"],
  ["people", "👋"],
  ["nature", "🐻"],
  ["food", "🍎"],
  ["places", "🚗"],
  ["activities", "⚽"],
  ["objects", "💡"],
  ["symbols", "💜"],
  ["flags", "🏁"],
] as const;

/** All emoji, and the ways to find one. */
export class Catalogue {
  readonly all: readonly Emoji[];
  /** For each emoji, the words by which it is found in the user's language. */
  readonly #words: readonly string[];
  readonly #byName = new Map<string, Emoji>();

  constructor(all: readonly Emoji[], words: readonly string[]) {
    this.all = all;
    this.#words = words;
    for (const emoji of all) for (const name of emoji.names) if (!this.#byName.has(name)) this.#byName.set(name, emoji);
  }

  /** Returns the emoji of a short name without colons. */
  named(name: string): Emoji | undefined {
    return this.#byName.get(name);
  }

  /** Finds emoji of which every word of the query begins a word. Those whose short name begins with the query come first. */
  search(query: string, most: number): readonly Emoji[] {
    const wanted = query
      .toLowerCase()
      .split(/[\s_:]+/)
      .filter(Boolean);
    if (wanted.length === 0) return [];
    const found = this.all.flatMap((emoji, i) => {
      const words = ` ${emoji.names.join(" ").replaceAll("_", " ")} ${this.#words[i] ?? ""}`;
      if (!wanted.every((word) => words.includes(` ${word}`))) return [];
      return { emoji, rank: rankOf(emoji, wanted.join("_")) };
    });
    return found
      .sort((a, b) => a.rank - b.rank)
      .slice(0, most)
      .map(({ emoji }) => emoji);
  }
}

function rankOf({ names }: Emoji, name: string): number {
  if (names.includes(name)) return 0;
  return names.some((n) => n.startsWith(name)) ? 1 : 2;
}

const words: Readonly<Record<Language, () => Promise<{ readonly default: readonly string[] }>>> = {
  en: () => import("./data/en.json"),
  de: () => import("./data/de.json"),
  ar: () => import("./data/ar.json"),
};

const loaded = new Map<Language, Promise<Catalogue>>();

/** Loads the emoji with the words of a language. The lists are files of their own, which a page loads when they are needed. */
export function loadCatalogue(language: Language): Promise<Catalogue> {
  const known = loaded.get(language);
  if (known !== undefined) return known;
  const loading = load(language);
  loaded.set(language, loading);
  loading.catch(() => loaded.delete(language)); // such as while the page is offline
  return loading;
}

async function load(language: Language): Promise<Catalogue> {
  const [emoji, inLanguage] = await Promise.all([import("./data/emoji.json"), words[language]()]);
  const entries = emoji.default as unknown as readonly (readonly [string, number, string])[]; // the types of JSON know no tuples
  const all = entries.map(([text, group, names]) => ({ text, group, names: names.split(" ") }));
  return new Catalogue(all, inLanguage.default);
}
