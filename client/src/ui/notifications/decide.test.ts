import type { Summary } from "../../core/chat";
import { isWanted, wantedOf } from "./decide";

const room = (change: Partial<Summary>): Summary => ({
  name: "lobby",
  newest: null,
  unread: 0,
  mentions: 0,
  draft: "",
  level: "all",
  watched: true,
  ...change,
});

test("What counts is what the user wants to hear of", () => {
  expect(wantedOf([])).toBe(0);
  expect(wantedOf([room({ unread: 3, mentions: 1 }), room({ unread: 2 })])).toBe(5);
  expect(wantedOf([room({ unread: 3, mentions: 1, level: "mentions" })])).toBe(1);
  expect(wantedOf([room({ unread: 3, mentions: 1, level: "nothing" })])).toBe(0);
});

test.each([
  ["all", false, true],
  ["mentions", false, false],
  ["mentions", true, true],
  ["nothing", true, false],
] as const)(
  "A message in a room with the level %s, which mentions the client: %s, is wanted: %s",
  (level, mention, is) => {
    expect(isWanted({ level, mention })).toBe(is);
  },
);
