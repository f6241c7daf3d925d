import { formatOf, sends } from "./keys";

test.each([
  ["Enter", { key: "Enter" }, true],
  ["Enter without another key", { key: "Enter", shiftKey: false, isComposing: false, keyCode: 13 }, true],
  ["Shift+Enter, a new line", { key: "Enter", shiftKey: true }, false],
  ["Enter that confirms a word of an input method", { key: "Enter", isComposing: true }, false],
  ["the same in Safari", { key: "Enter", isComposing: false, keyCode: 229 }, false],
  ["a letter", { key: "a" }, false],
])("%s", (_what, key, expected) => {
  expect(sends(key)).toBe(expected);
});

test.each([
  ["Enter on glass, a new line", { key: "Enter" }, false],
  ["Ctrl+Enter on glass", { key: "Enter", ctrlKey: true }, true],
  ["Cmd+Enter on glass", { key: "Enter", metaKey: true }, true],
  ["Ctrl+Enter that confirms a word", { key: "Enter", ctrlKey: true, isComposing: true }, false],
])("%s", (_what, key, expected) => {
  expect(sends(key, true)).toBe(expected);
});

test.each([
  [{ key: "b", ctrlKey: true }, "bold"],
  [{ key: "I", metaKey: true }, "italic"],
  [{ key: "e", ctrlKey: true }, "code"],
  [{ key: "X", ctrlKey: true, shiftKey: true }, "strike"],
  [{ key: "x", ctrlKey: true }, null],
  [{ key: "b" }, null],
  [{ key: "b", ctrlKey: true, metaKey: true }, null],
  [{ key: "b", ctrlKey: true, keyCode: 229 }, null],
])("%j formats as %s", (key, format) => expect(formatOf(key)).toBe(format));
