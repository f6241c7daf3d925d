import type { Inline } from "./inline";
import { blocksOf, type Block } from "./markdown";
import { plainOf } from "./plain";

/** A short form of what is drawn: the kind of each part and its text. */
const short = (piece: Inline): string => {
  if (piece.is === "text") return piece.text;
  if (piece.is === "link")
    return `<${piece.text}${piece.href === piece.text ? "" : ` to ${piece.href}`}${piece.target === null ? "" : ` (${piece.target})`}>`;
  return `{${piece.is} ${"children" in piece ? piece.children.map(short).join("") : piece.text}}`;
};
const shortBlock = (block: Block): string => {
  if (block.is === "block") return `[code ${block.language}|${block.text}]`;
  if (block.is === "quote") return `[quote ${block.children.map(shortBlock).join("")}]`;
  if (block.is === "list")
    return block.items.map((i) => `[${i.level} ${i.label} ${i.children.map(short).join("")}]`).join("");
  return block.children.map(short).join("");
};
const shown = (text: string, options = {}) => blocksOf(text, options).map(shortBlock).join("¶");

test.each([
  ["hello", "hello"],
  ["one\r\ntwo\rthree\n\nfour", "one\ntwo\nthree\n\nfour"],
  [
    "**bold** *italic* _italic_ ~~strike~~ ***both***",
    "{bold bold} {italic italic} {italic italic} {strike strike} {bold {italic both}}",
  ],
  ["**bold, *italic* and ~~gone~~**.", "{bold bold, {italic italic} and {strike gone}}."],
  ['(**a**), "_b_" – *c*!', '({bold a}), "{italic b}" – {italic c}!'],
  ["日本**語**です", "日本{bold 語}です"],
  ["**a *b** c*", "{bold a *b} c*"],
  ["5 * 3 *and* 2", "5 * 3 {italic and} 2"],
  ["**to the next\nline** no", "**to the next\nline** no"],
])("%j has these styles", (text, parts) => expect(shown(text)).toBe(parts));

test.each([
  "snake_case_words and _private",
  "2*3*4",
  "2**10 and 2**20",
  "__init__ and __name__",
  "a * b * c",
  "** not bold **",
  "~one~ ~~~three~~~",
  "f(*args, **kwargs)",
  "*",
  "**",
  "~~",
  "/tmp/a_b_c/d_e",
  ">_< and >:(",
  "#1 is not a heading",
  "-5 degrees",
  "--",
  "+1 for that",
  "1.5 hours",
  "a ` b\nc ` d",
  "`````` ``",
  "```\n```",
  "[x](javascript:alert(1))",

  "[x](https://exam\u200bple.org/)",
  "javascript:alert(1) data:text/html,x vbscript:x file:///etc",
  "https:// and http://.",
  "www. and www.x",
  "@ a@ @b a@b a@b.c",
  "someone@example.org@example.com",
])("%j stays as it is written", (text) => expect(shown(text)).toBe(text));

test.each([
  ["see https://a.org/b?c=d#e.", "see <https://a.org/b?c=d#e>."],
  [
    "(https://a.org/x_(y)) and http://b.org, mailto:a@b.org!",
    "(<https://a.org/x_(y)>) and <http://b.org>, <mailto:a@b.org>!",
  ],
  ["https://a.org/<script>", "<https://a.org/><script>"],
  ["**https://a.org/b**", "{bold <https://a.org/b>}"],
  ["see www.a.org, WWW.b.org/x.", "see <www.a.org to https://www.a.org>, <WWW.b.org/x to https://WWW.b.org/x>."],
  ["mail a_b.c+d@mail.example.org.", "mail <a_b.c+d@mail.example.org to mailto:a_b.c+d@mail.example.org>."],
  [
    "HTTPS://A.org mailto:a@b http://пример.рф http://a.org。",
    "<HTTPS://A.org> <mailto:a@b> <http://пример.рф> <http://a.org>。",
  ],
  ["`https://a.org`", "{code https://a.org}"],
])("%j has these links", (text, parts) => expect(shown(text)).toBe(parts));

test.each([
  ["[docs](https://a.org/x_(y)?z)", "<docs to https://a.org/x_(y)?z (a.org)>"],
  [
    "[https://bank.com](https://user@evil.org:8080/)",
    "<https://bank.com to https://user@evil.org:8080/ (evil.org:8080)>",
  ],
  ["[bank.com](https://bank.com\\@evil.org/)", "<bank.com to https://bank.com\\@evil.org/>"],
  ["[Evil.org](https://evil.org/a)", "<Evil.org to https://evil.org/a>"],
  ["[https://a.org/](https://a.org/)", "<https://a.org/>"],
  ["[write](mailto:a@b.org?subject=x)", "<write to mailto:a@b.org?subject=x (a@b.org)>"],
])("%j shows where it leads", (text, parts) => expect(shown(text)).toBe(parts));

test("A link without a label leads to the address that it shows", () => {
  expect(shown("https://a.org/\u202egpj.exe")).toBe("<https://a.org/gpj.exe>");
  expect(shown("https://exam\u200bple.org")).toBe("https://exam\u200bple.org");
});

test.each([
  ["run `ls -l` now", "run {code ls -l} now"],
  ["``a`b`` and ``` x ```", "{code a`b} and {code x}"],
  ["`**a** _b_ @Ann`", "{code **a** _b_ @Ann}"],
  ["```\na\n b\n```\nafter", "[code |a\n b]¶after"],
  ["Fix:\n```go\nif a == nil {\n\treturn `x`\n}\n```\nreview", "Fix:¶[code go|if a == nil {\n\treturn `x`\n}]¶review"],
  ["```c++\nx\n```", "[code c++|x]"],
  ["```ERROR in line 1\nat x```", "[code |ERROR in line 1\nat x]"],
  ["````\n```\nx\n```\n````", "[code |```\nx\n```]"],
  ["```\nno end", "```\nno end"],
  ["```\n- a\n> b\n**c**\n```", "[code |- a\n> b\n**c**]"],
])("%j has this code", (text, parts) => expect(shown(text)).toBe(parts));

test("Code without an end is code if the message was cut", () => {
  expect(shown("a\n```js\nb\nc", { cut: true })).toBe("a¶[code js|b\nc]");
});

test.each([
  ["Notes:\n- a\n- **b**\n* c\nend", "Notes:¶[0 • a][0 • {bold b}][0 • c]¶end"],
  ["1. a\n2) b\n\n7. c", "[0 1. a][0 2) b][0 7. c]"],
  ["- a\n  - b\n    more of b\n      - c\n- d", "[0 • a][1 • b\nmore of b][2 • c][0 • d]"],
  ["3. Dezember", "[0 3. Dezember]"],
])("%j has this list", (text, parts) => expect(shown(text)).toBe(parts));

test.each([
  ["> a\n> b\nc", "[quote a\nb]¶c"],
  [">a\n>> b", "[quote a[quote b]]"],
  ["> - a\n> - b", "[quote [0 • a][0 • b]]"],
  ["> ```\n> x\n> ```", "[quote [code |x]]"],
])("%j has this quote", (text, parts) => expect(shown(text)).toBe(parts));

test("Quotes, lists and styles are nested only a few times", () => {
  const depth = (blocks: readonly Block[]): number =>
    Math.max(0, ...blocks.map((b) => (b.is === "quote" ? 1 + depth(b.children) : 0)));
  const inner = (pieces: readonly Inline[]): number =>
    Math.max(0, ...pieces.map((p) => ("children" in p ? 1 + inner(p.children) : 0)));
  expect(depth(blocksOf(`${">".repeat(30_000)} a`))).toBe(3);
  expect(depth(blocksOf(Array.from({ length: 200 }, (_, i) => `${"> ".repeat(i + 1)}a`).join("\n")))).toBe(3);
  const [list] = blocksOf(Array.from({ length: 12 }, (_, i) => `${" ".repeat(i)}- a`).join("\n"));
  expect(list?.is === "list" && Math.max(...list.items.map((i) => i.level))).toBe(3);
  const [paragraph] = blocksOf("**a _b *c ~~d ***e ".repeat(2_000));
  expect(paragraph?.is === "paragraph" && inner(paragraph.children)).toBeLessThanOrEqual(6);
});

test.each([
  ["@Ann, hi", "{mention @Ann}, hi"],
  [
    "(@Ann) @Anna mail@Ann.org `@Ann` x@Ann",
    "({mention @Ann}) @Anna <mail@Ann.org to mailto:mail@Ann.org> {code @Ann} x@Ann",
  ],
  ["**@Ann**", "{bold {mention @Ann}}"],
])("%j mentions Ann so", (text, parts) => expect(shown(text, { me: "Ann" })).toBe(parts));

test.each([
  ["**we stop** on `main`:\n- a\n- b", "we stop on main:\n• a\n• b"],
  ["```js\nlet a\n```", "let a"],
  ["> quoted\n\nanswer, [docs](https://a.org)", "quoted\nanswer, docs"],
  ["```\nno end", "```\nno end"],
])("%j without its marks", (text, plain) => expect(plainOf(text)).toBe(plain));

test("The plain beginning of a long message is short, also in the middle of code", () => {
  expect(plainOf(`\`\`\`\n${"x".repeat(40_000)}\n\`\`\``)).toBe("x".repeat(396));
});

const pieces = [
  "*",
  "_",
  "~",
  "~~",
  "[",
  "]",
  ">",
  "`",
  "**a",
  "*a",
  " *a",
  "_a ",
  "* a\n",
  "- \n",
  "1. ",
  "> ",
  "```a\n",
  "````x\n```\n",
  "``a`",
  "[a](http://",
  "[a](http://b(c",
  "[a",
  "a@",
  "a@a.a.",
  "a.",
  "www.",
  "http://x)",
  "http://x....",
  "mailto:",
  "> > > - *a",
  "@Ann",
  "\t",
  "\n",
  "(",
  "\u0301",
  "\u200b",
  "https://x))))",
  `http://${".".repeat(32_000)}x `,
  `http://x${")".repeat(32_000)}`,
  "👋",
];
test.each(pieces.map((piece) => ({ piece, begins: piece.slice(0, 20) })))(
  "A message made only of $begins is read in time",
  ({ piece }) => {
    const time = (length: number) => {
      const text = piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
      const began = performance.now();
      blocksOf(text, { me: "Ann" });
      return performance.now() - began;
    };
    time(1_000);
    expect(time(320_000)).toBeLessThan(4_000); // quadratic time would take minutes
  },
);

test("Code that has no end is read in time, whatever the number of its backticks", () => {
  const lines = Array.from({ length: 600 }, (_, i) => `${"`".repeat(3 + (i % 300))}x`).join("\n");
  expect(shown(lines)).toBe(lines);
});
