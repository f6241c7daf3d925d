// Makes the lists of emoji in src/ui/emoji/data: the emoji with their short names, and words to find them in each language. The results
// are committed. The sources are not among the app's packages, because they are large and seldom change:
//
//   npm install --no-save emojibase-data@16.0.3 cldr-annotations-modern@45.0.0 && node scripts/emoji.mjs
//
// or with --from DIRECTORY, if they are installed in the node_modules of another directory.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const from = process.argv[2] === "--from" ? process.argv[3] : root;
const read = (path) => JSON.parse(readFileSync(join(from, "node_modules", path), "utf8"));

/** Writes a list, with a line for each entry. */
function write(name, list) {
  const lines = list.map((entry) => JSON.stringify(entry)).join(",\n");
  writeFileSync(join(root, "src/ui/emoji/data", `${name}.json`), `[\n${lines}\n]\n`);
}

/** The groups of emojibase without the components, such as tones of skin, which are no emoji of their own. */
const groups = [0, 1, 3, 4, 5, 6, 7, 8, 9];
const all = read("emojibase-data/en/compact.json")
  .filter(({ group }) => groups.includes(group))
  .sort((a, b) => a.order - b.order);

const [github, own] = ["github", "emojibase"].map((set) => read(`emojibase-data/en/shortcodes/${set}.json`));
const list = (value) => (value === undefined ? [] : [value].flat());
/** What asks for colours is left out where colours are the rule, as keyboards do. */
const withoutSelectors = (text) => text.replace(/(\p{Emoji_Presentation})\ufe0f/gu, "$1");

/** The short names of GitHub come first, because people know them from elsewhere. */
const names = ({ hexcode }) => [...new Set([...list(github[hexcode]), ...list(own[hexcode])])];
write(
  "emoji",
  all.map((emoji) => [withoutSelectors(emoji.unicode), groups.indexOf(emoji.group), names(emoji).join(" ")]),
);

const words = (texts) =>
  [...new Set(texts.flatMap((text) => text.toLowerCase().split(/[\s:,()“”]+/)))].filter(Boolean).join(" ");
write(
  "en",
  all.map(({ label, tags = [] }) => words([label, ...tags])),
);
for (const language of ["de", "ar"]) {
  const { annotations } = read(`cldr-annotations-modern/annotations/${language}/annotations.json`).annotations;
  write(
    language,
    all.map(({ unicode }) => {
      const { default: tags = [], tts = [] } =
        annotations[unicode] ?? annotations[unicode.replaceAll("\ufe0f", "")] ?? {};
      return words([...tts, ...tags]);
    }),
  );
}
