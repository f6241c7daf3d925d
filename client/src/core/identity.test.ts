import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tokenOf } from "./fakes";
import { claimsOf, identityOf, isName, isOlder, trimName } from "./identity";

describe("claimsOf", () => {
  test("reads the claims of a token", () => {
    expect(
      claimsOf(tokenOf({ sub: "Änn 😀", exp: 5, rooms: ["a", 7, "team-*"], publish: false, admin: true })),
    ).toEqual({
      sub: "Änn 😀",
      exp: 5,
      iat: null,
      rooms: ["a", "team-*"],
      publish: false,
    });
    expect(claimsOf(tokenOf({ sub: "ann", exp: 5, iat: 3 }))).toEqual({
      sub: "ann",
      exp: 5,
      iat: 3,
      rooms: [],
      publish: true,
    });
  });

  test.each([
    "",
    ".",
    "a",
    "a.b.c",
    "..",
    "e30.!!!.x",
    "e30.bnVsbA.x",
    "e30.W10.x",
    "e30.Inh4Ig.x",
    "e30.fw.x",
    tokenOf({ sub: "ann" }),
    tokenOf({ sub: "", exp: 1 }),
    tokenOf({ sub: 7, exp: 1 }),
    tokenOf({ sub: "a\nb", exp: 1 }),
    tokenOf({ sub: "ann", exp: "1" }),
    tokenOf({ sub: ["ann"], exp: 1 }),
    tokenOf({ exp: 1, rooms: "x" }),
  ])("%j is not the token of a client", (token) => expect(claimsOf(token)).toBeNull());

  test("rooms that are not a list are ignored", () => {
    expect(claimsOf(tokenOf({ sub: "ann", exp: 1, rooms: { 0: "a" } }))?.rooms).toEqual([]);
  });
});

describe("isOlder", () => {
  const token = (claims: Record<string, unknown>) => tokenOf({ sub: "ann", exp: 10, ...claims });

  test.each([
    ["issued earlier", { iat: 1, exp: 99 }, { iat: 2, exp: 9 }],
    ["issued at once and ending earlier", { iat: 1, exp: 9 }, { iat: 1 }],
    ["ending earlier where one does not say when it was issued", { exp: 9 }, { iat: 1 }],
    ["ending earlier where no token says when it was issued", { exp: 9 }, {}],
  ])("a token is older: %s", (_, one, other) => {
    expect(isOlder(token(one), token(other))).toBe(true);
    expect(isOlder(token(other), token(one))).toBe(false);
  });

  test("of two tokens of one age none is older, and what cannot be read is older than a token", () => {
    expect(isOlder(token({ n: 1 }), token({ n: 2 }))).toBe(false);
    for (const none of [undefined, "", "x.y.z"]) {
      expect(isOlder(none, token({}))).toBe(true);
      expect(isOlder(token({}), none)).toBe(false);
      expect(isOlder(none, undefined)).toBe(false);
    }
  });
});

describe("a name", () => {
  interface Case {
    readonly typed: string;
    readonly name: string;
    readonly fault?: string;
  }
  const cases = JSON.parse(
    readFileSync(join(__dirname, "../../../internal/chat/testdata/names.json"), "utf8"),
  ) as Case[];

  test.each(cases)("typed as $typed is trimmed and checked as on the server", ({ typed, name, fault }) => {
    expect(trimName(typed)).toBe(name);
    expect(isName(name)).toBe(fault === undefined);
  });

  test("in a token is not trimmed", () => {
    expect(isName(" ann")).toBe(false);
    expect(isName("ann\u3000")).toBe(false);
    expect(claimsOf(tokenOf({ sub: "ann ", exp: 1 }))).toBeNull();
    expect(identityOf('{"client":" ann"}')).toBeNull();
  });
});

test("a stored identity is validated", () => {
  expect(identityOf('{"client":"ann"}')).toEqual({ client: "ann" });
  expect(identityOf('{"client":"ann","token":"t","more":1}')).toEqual({ client: "ann", token: "t" });
  for (const bad of ["", "null", "7", "[]", '{"name":"ann"}', '{"client":""}', '{"client":7}', "{"])
    expect(identityOf(bad)).toBeNull();
});
