import { shortcutOf, stepFrom, type Key } from "./shortcuts";

const key = (key: string, more: Partial<Key> = {}): Key => ({
  key,
  code: "",
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  isComposing: false,
  keyCode: 0,
  ...more,
});

const ctrl = { ctrlKey: true };
const meta = { metaKey: true };

describe("a key", () => {
  test.each<[string, Key, boolean, boolean, unknown]>([
    ["Ctrl+K", key("k", ctrl), false, false, { is: "find" }],
    ["Ctrl+K in a field", key("k", ctrl), true, false, { is: "find" }],
    ["Ctrl+K with the capitals' lock", key("K", ctrl), true, false, { is: "find" }],
    ["Ctrl+K on an Arabic keyboard", key("ن", { ...ctrl, code: "KeyK" }), true, false, { is: "find" }],
    ["Ctrl+T of another layout, where K would be", key("t", { ...ctrl, code: "KeyK" }), true, false, null],
    ["Ctrl+Shift+K", key("K", { ...ctrl, shiftKey: true }), false, false, null],
    ["Command+K on a Mac", key("k", meta), true, true, { is: "find" }],
    ["Ctrl+K on a Mac, which cuts a line", key("k", ctrl), true, true, null],
    ["Alt+Up", key("ArrowUp", { altKey: true }), true, false, { is: "step", by: -1, unread: false }],
    [
      "Alt+Shift+Down",
      key("ArrowDown", { altKey: true, shiftKey: true }),
      false,
      false,
      { is: "step", by: 1, unread: true },
    ],
    ["AltGr+Up", key("ArrowUp", { altKey: true, ctrlKey: true }), false, false, null],
    ["Up", key("ArrowUp"), false, false, null],
    ["Escape", key("Escape"), true, false, { is: "newest" }],
    ["?", key("?", { shiftKey: true }), false, false, { is: "help" }],
    ["? in a field", key("?", { shiftKey: true }), true, false, null],
    ["k", key("k"), false, false, null],
    ["Escape of an input method", key("Escape", { isComposing: true }), true, false, null],
    ["a key that an input method has taken", key("?", { keyCode: 229 }), false, false, null],
  ])("%s", (_name, event, inField, apple, shortcut) => {
    expect(shortcutOf(event, inField, apple)).toEqual(shortcut);
  });
});

describe("a step in the list", () => {
  const rooms = [
    { name: "a", unread: 0 },
    { name: "b", unread: 2 },
    { name: "c", unread: 0 },
    { name: "d", unread: 1 },
  ];

  test.each([
    ["a", 1, false, "b"],
    ["d", 1, false, "a"],
    ["a", -1, false, "d"],
    [null, 1, false, "a"],
    [null, -1, false, "d"],
    ["a", 1, true, "b"],
    ["b", 1, true, "d"],
    ["b", -1, true, "d"],
    ["c", -1, true, "b"],
    ["gone", 1, false, "a"],
  ] as const)("from %s by %s (unread: %s) leads to %s", (from, by, unread, to) => {
    expect(stepFrom(rooms, from, { by, unread })).toBe(to);
  });

  test("leads nowhere if there is no other room", () => {
    expect(stepFrom([], null, { by: 1, unread: false })).toBeNull();
    expect(stepFrom([{ name: "a", unread: 0 }], "a", { by: 1, unread: false })).toBeNull();
    expect(stepFrom([{ name: "a", unread: 0 }], null, { by: 1, unread: true })).toBeNull();
  });
});
