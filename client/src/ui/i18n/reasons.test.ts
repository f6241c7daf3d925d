import { readFileSync } from "node:fs";
import { join } from "node:path";

import { languages, localeOf, type Language } from ".";
import { reasonText } from "./reasons";

const repository = join(__dirname, "../../../..");
const read = (file: string) => readFileSync(join(repository, file), "utf8");
const tags = Object.keys(languages) as Language[];

/** The codes of the server, from the manual and from the description of problem documents. */
function codes(): string[] {
  const [, errors] = read("docs/api/http.md").split("\n## Errors\n");
  const rows = [...(errors ?? "").matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].map(([, first]) => first ?? "");
  const manual = rows.flatMap((first) => [...first.matchAll(/`(\w+)`/g)].map(([, code]) => code ?? ""));
  const [, listed] = /what happened, for programs; one of ([\w, ]+)"/.exec(read("internal/api/problem.go")) ?? [];
  const classes = [...read("internal/errs/errs.go").matchAll(/Code = "(\w+)"/g)].map(([, code]) => code ?? "");
  return [...new Set([...manual, ...(listed ?? "").split(", "), ...classes])];
}

test("Every code of the server has a text in every language", () => {
  expect(codes().length).toBeGreaterThan(12);
  for (const tag of tags) {
    const { t } = localeOf(tag);
    const unknown = reasonText(t, { code: "?", text: "the server's words" });
    const without = codes().filter((code) => reasonText(t, { code, text: "the server's words" }) === unknown);
    expect([tag, without]).toEqual([tag, []]);
  }
});

test("The codes of the app have texts, too", () => {
  const { t } = localeOf("de");
  expect(reasonText(t, { code: "unreachable", text: "Failed to fetch" })).toMatch(/^Der Server antwortet nicht\./);
  expect(reasonText(t, { code: "unreadable", text: "JSON.parse" })).toMatch(/nicht lesbar/);
});

test("A code that is not known says that the server has refused, and quotes it", () => {
  const { t } = localeOf("de");
  expect(reasonText(t, { code: "frozen", text: "the room is frozen" })).toBe(
    "Der Server hat das abgelehnt. Er sagt: the room is frozen",
  );
  expect(reasonText(t, { code: "frozen", text: "" })).toBe("Der Server hat das abgelehnt. Er sagt: frozen");
});

test.each([
  ["msg must be 1 to 32768 bytes of UTF-8, is 0", /^The text is empty, too long/],
  ["msg: must be valid UTF-8", /^The text is empty, too long/],
  ["client_id must be 1 to 128 bytes long, is 0", /does not take your name/],
  ["room must be a name", /^No room can have this name/],
  ["id must be a UUID", /It says: id must be a UUID$/],
  ["message 3 is wrong", /It says: message 3 is wrong$/],
])("An invalid request says which field is at fault: %s", (text, sentence) => {
  expect(reasonText(localeOf("en").t, { code: "invalid", text })).toMatch(sentence);
});

test("The server's words do not change the direction of an Arabic sentence", () => {
  expect(reasonText(localeOf("ar").t, { code: "frozen", text: "\u202ethe room" })).toMatch(/\u2068the room\u2069$/);
});
