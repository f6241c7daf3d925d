import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tokenOf } from "./fakes";
import { claimsOf, identityOf, isName, trimName } from "./identity";

describe("claimsOf", () => {
  test("reads the claims of a token", () => {
    expect(
      claimsOf(tokenOf({ sub: "Änn 😀", exp: 5, rooms: ["a", 7, "team-*"], publish: false, admin: true })),
    ).toEqual({
      sub: "Änn 😀",
      exp: 5,
      rooms: ["a", "team-*"],
      publish: false,
    });
    expect(claimsOf(tokenOf({ sub: "ann", exp: 5 }))).toEqual({ sub: "ann", exp: 5, rooms: [], publish: true });
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
