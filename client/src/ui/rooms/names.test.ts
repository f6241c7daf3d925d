import { faultOf, matchOf, nameOf, nearest } from "./names";

test("A typed name has no capitals and no blanks around it", () => {
  expect(["General", "  lobby ", "Über"].map(nameOf)).toEqual(["general", "lobby", "über"]);
});

test.each([
  ["", null],
  ["lobby", null],
  ["a.b_c-9", null],
  ["x".repeat(64), null],
  ["my room", { is: "blank" }],
  ["my\u00a0room", { is: "blank" }],
  ["möbel", { is: "character", character: "ö" }],
  ["a/b", { is: "character", character: "/" }],
  ["a👍", { is: "character", character: "👍" }],
  ["-lobby", { is: "begins" }],
  [".", { is: "begins" }],
  ["x".repeat(65), { is: "long", count: 1 }],
  ["x".repeat(70), { is: "long", count: 6 }],
])("What is wrong with the name %j is %j", (name, fault) => {
  expect(faultOf(name)).toEqual(fault);
});

test.each([
  ["möbel raum", "mobel-raum"],
  ["straße 7", "strasse-7"],
  ["-- team --", "team---"],
  ["#general", "general"],
  ["x".repeat(70), "x".repeat(64)],
  ["غرفة", null],
  ["…", null],
])("The nearest name to %j is %j, which a room can have", (name, near) => {
  expect(nearest(name)).toBe(near);
  if (near !== null) expect(faultOf(near)).toBeNull();
});

test.each([
  ["general", "gen", 0],
  ["team-general", "gen", 1],
  ["regenerate", "gen", 2],
  ["garden-room", "gdr", 3],
  ["general", "", 0],
  ["general", "x", null],
  ["general", "lareneg", null],
])("%s matches %j with %s", (name, typed, match) => {
  expect(matchOf(name, typed)).toBe(match);
});
