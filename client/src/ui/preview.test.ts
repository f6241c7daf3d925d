import type { Summary } from "../core/chat";
import type { Outgoing, Written } from "../core/message";
import { localeOf } from "./i18n";
import { previewOf } from "./preview";

const { t } = localeOf("en");
const at = "2026-05-04T10:00:00Z";
const said = (client_id: string, msg: string): Summary => ({
  name: "lobby",
  unread: 0,
  mentions: 0,
  level: "all",
  watched: true,
  draft: "",
  newest: { kind: "message", id: "1", room: "lobby", seq: 1, client_id, msg, sent_at: at, stored_at: at },
});
const empty: Summary = { ...said("", ""), newest: null };
const hi: Written = { kind: "outgoing", id: "1", room: "lobby", msg: "hi", written_at: at, order: 1 };
const written = (newest: Outgoing): Summary => ({ ...empty, newest });

describe("the preview of a room", () => {
  test("names who wrote last", () => {
    expect(previewOf(said("Bob", "hello"), "Ann", t)).toEqual({
      by: "other",
      author: "Bob",
      text: "hello",
      at,
      waiting: false,
    });
  });

  test("shows You for own messages, stored or not", () => {
    expect(previewOf(said("Ann", "hi"), "Ann", t)).toMatchObject({ by: "you", author: "You", waiting: false });
    expect(previewOf(written({ ...hi, state: "waiting", reason: null }), "Ann", t)).toMatchObject({
      by: "you",
      text: "hi",
      at,
      waiting: true,
    });
    expect(previewOf(written({ ...hi, state: "accepted", accepted_at: at }), "Ann", t).waiting).toBe(false);
  });

  test("prefers the draft", () => {
    expect(previewOf({ ...said("Bob", "hello"), draft: "dear" }, "Ann", t)).toMatchObject({
      by: "draft",
      author: "Draft",
      text: "dear",
    });
  });

  test("is empty for an empty room", () => {
    expect(
      previewOf(
        { name: "lobby", unread: 0, mentions: 0, level: "all", watched: true, draft: "", newest: null },
        "Ann",
        t,
      ),
    ).toEqual({
      by: "nobody",
      author: "",
      text: "",
      at: "",
      waiting: false,
    });
  });

  test("is one short line for any text", () => {
    const { text, author } = previewOf(said("B\u202eob\n", `a\n\n\tb\u202e\u0000c ${"x".repeat(40_000)}`), "Ann", t);
    expect(text.startsWith("a b c xxx")).toBe(true);
    expect(text.length).toBeLessThanOrEqual(160);
    expect(author).toBe("B ob");
  });

  test.each([
    ["**bold** and `code`", "bold and code"],
    ["```js\nlet x\n```", "let x"],
    ["- one\n- two", "• one • two"],
    ["> quoted\nsaid", "quoted said"],
  ])("of %j has no marks", (msg, plain) => {
    expect(previewOf(said("Bob", msg), "Ann", t).text).toBe(plain);
  });

  test("does not end in half a character", () => {
    expect(previewOf(said("Bob", `${"x".repeat(159)}😀`), "Ann", t).text).toMatch(/^x{159}$/);
  });
});

test.each([
  ["**we stop** on `main`:\n- a\n- b", "we stop on main: • a • b"],
  ["Fix:\n```go\nif a {\n}\n```", "Fix: if a { }"],
  ["[docs](https://a.org) > b", "docs > b"],
])("the preview of %j has no marks", (msg, text) => {
  expect(previewOf(said("Bob", msg), "Ann", t).text).toBe(text);
});
