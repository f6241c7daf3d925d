import { sends } from "./keys";

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
