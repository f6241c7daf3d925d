import { tokenOf } from "./fakes";
import { claimsOf, identityOf, isName } from "./identity";

describe("claimsOf", () => {
  test("reads the claims of a token", () => {
    expect(claimsOf(tokenOf({ sub: "Änn 😀", exp: 5, rooms: ["a", 7, "team-*"], publish: false, admin: true }))).toEqual({
      sub: "Änn 😀", exp: 5, rooms: ["a", "team-*"], publish: false,
    });
    expect(claimsOf(tokenOf({ sub: "ann", exp: 5 }))).toEqual({ sub: "ann", exp: 5, rooms: [], publish: true });
  });

  test.each([
    "", ".", "a", "a.b.c", "..", "e30.!!!.x", "e30.bnVsbA.x", "e30.W10.x", "e30.Inh4Ig.x", "e30.fw.x",
    tokenOf({ sub: "ann" }), tokenOf({ sub: "", exp: 1 }), tokenOf({ sub: 7, exp: 1 }), tokenOf({ sub: "a\nb", exp: 1 }),
    tokenOf({ sub: "ann", exp: "1" }), tokenOf({ sub: ["ann"], exp: 1 }), tokenOf({ exp: 1, rooms: "x" }),
  ])("%j is not the token of a client", (token) => expect(claimsOf(token)).toBeNull());

  test("rooms that are not a list are ignored", () => {
    expect(claimsOf(tokenOf({ sub: "ann", exp: 1, rooms: { 0: "a" } }))?.rooms).toEqual([]);
  });
});

test.each([
  ["ann", true], ["Ann B. 😀", true], ["é".repeat(64), true], ["é".repeat(65), false], ["", false], ["a\nb", false], ["a\u202eb", false],
  ["a\u200db", false], ["a\u00a0b", false], ["\ud800", false], ["علي", true],
])("%j is a valid name: %j, as on the server", (name, is) => expect(isName(name)).toBe(is));

test("a stored identity is validated", () => {
  expect(identityOf('{"client":"ann"}')).toEqual({ client: "ann" });
  expect(identityOf('{"client":"ann","token":"t","more":1}')).toEqual({ client: "ann", token: "t" });
  for (const bad of ["", "null", "7", "[]", '{"name":"ann"}', '{"client":""}', '{"client":7}', "{"]) expect(identityOf(bad)).toBeNull();
});
