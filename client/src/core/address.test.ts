import { URL as URLOfPhones } from "whatwg-url-minimum";

import { originOf, placeOfFragment, targetOf } from "./address";

// The phones' class URL is another one than that of browsers and Node.
const classes = [
  ["browsers", URL],
  ["phones", URLOfPhones],
] as const;

describe.each(classes)("addresses, parsed as %s do", (_, parser) => {
  const before = globalThis.URL;
  beforeAll(() => void (globalThis.URL = parser as typeof URL));
  afterAll(() => void (globalThis.URL = before));

  test.each([
    ["chat.example.org", "https://chat.example.org"],
    [" chat.example.org:8443/path?x#y ", "https://chat.example.org:8443"],
    ["https://CHAT.example.org:443/", "https://chat.example.org"],
    ["http://chat.example.org", "http://chat.example.org"],
    ["localhost:8080", "http://localhost:8080"],
    ["192.168.1.5:8080", "http://192.168.1.5:8080"],
    ["[fd00::1]:8080", "http://[fd00::1]:8080"],
    ["nas", "http://nas"],
    ["nas.local", "http://nas.local"],
    ["8.8.8.8", "https://8.8.8.8"],
    ["[2001:db8::1]", "https://[2001:db8::1]"],
    ["100.64.0.1", "https://100.64.0.1"],
  ])("%j is the server %s", (typed, origin) => expect(originOf(typed)).toBe(origin));

  test.each([
    "",
    " ",
    "http://",
    "ftp://nas",
    "javascript://nas/%0aalert(1)",
    "file:///etc",
    "a b",
    "nas:99999",
    "[::1",
  ])("%j is no server", (typed) => expect(originOf(typed)).toBeNull());

  test.each([
    ["restante://chat.example.org/#/lobby/42", ["https://chat.example.org"], { room: "lobby", seq: 42 }],
    ["restante://chat.example.org:8443/#/lobby", ["https://chat.example.org:8443"], { room: "lobby", seq: null }],
    ["restante://chat.example.org#/lobby", ["https://chat.example.org"], { room: "lobby", seq: null }],
    ["restante://chat.example.org", ["https://chat.example.org"], null],
    ["restante://nas:8080/#/a.b-c_d/7", ["http://nas:8080", "https://nas:8080"], { room: "a.b-c_d", seq: 7 }],
    ["restante://[fd00::1]:8080/#/a", ["http://[fd00::1]:8080", "https://[fd00::1]:8080"], { room: "a", seq: null }],
    ["RESTANTE://Chat.Example.org/#/lobby", ["https://chat.example.org"], { room: "lobby", seq: null }],
    ["https://chat.example.org/#/lobby/42", ["https://chat.example.org"], { room: "lobby", seq: 42 }],
    ["https://chat.example.org:443/#/lobby", ["https://chat.example.org"], { room: "lobby", seq: null }],
    ["https://192.168.1.5/#/lobby", ["https://192.168.1.5"], { room: "lobby", seq: null }],
  ])("%s leads to a place", (link, servers, place) => expect(targetOf(link)).toEqual({ servers, place }));

  test.each([
    "",
    "restante:",
    "restante://",
    "restante:///#/lobby",
    "restante:chat.example.org/#/lobby",
    "restante://#/lobby",
    "http://chat.example.org/#/lobby",
    "javascript:alert(1)",
    "javascript://chat.example.org/#/lobby",
    "intent://chat.example.org/#/lobby",
    "https://chat.example.org/other/#/lobby",
    "https://chat.example.org/?server=evil.example#/lobby",
    "https://chat.example.org@evil.example/#/lobby",
    "https://user:secret@chat.example.org/#/lobby",
    "restante://chat.example.org\\@evil.example/#/lobby",
    "restante://chat.example.org%40evil.example/#/lobby",
    "restante://chat.example.org /#/lobby",
    "restante://chat.exa\tmple.org/#/lobby",
    "restante://chat.exa\u200bmple.org/#/lobby",
    "restante://ch\u0430t.example.org/#/lobby",
    "restante://chat%2eexample.org/#/lobby",
    "restante://chat.exa\u202emple.org/#/lobby",
    " restante://chat.example.org/#/lobby",
    "restante://chat.example.org/#/lobby\n",
    "restante://chat.example.org:99999/#/lobby",
    "restante://chat.example.org:x/#/lobby",
    "restante://[::1/#/lobby",
    "restante://chat.example.org/#/",
    "restante://chat.example.org/#lobby",
    "restante://chat.example.org/#/Lobby",
    "restante://chat.example.org/#/../lobby",
    "restante://chat.example.org/#/lobby/0",
    "restante://chat.example.org/#/lobby/-1",
    "restante://chat.example.org/#/lobby/1e3",
    "restante://chat.example.org/#/lobby/01",
    "restante://chat.example.org/#/lobby/9999999999999999",
    "restante://chat.example.org/#/lobby/1/2",
    "restante://chat.example.org/#/lobby?x",
    "restante://chat.example.org/#token=abc",
    `restante://chat.example.org/#/${"a".repeat(65)}`,
    `restante://${"a".repeat(3_000)}/#/lobby`,
  ])("%j leads nowhere", (link) => expect(targetOf(link)).toBeNull());
});

describe("a place in an address", () => {
  test.each([
    ["#/lobby", { room: "lobby", seq: null }],
    ["#/a.b-c_d/1", { room: "a.b-c_d", seq: 1 }],
    ["#/9/999999999999999", { room: "9", seq: 999_999_999_999_999 }],
  ])("is read from %s", (fragment, place) => expect(placeOfFragment(fragment)).toEqual(place));

  test.each(["", "#", "#/", "#/A", "#lobby", "#/lobby/", "#/lobby/x", "#token=x", "/lobby"])(
    "is not in %j",
    (fragment) => expect(placeOfFragment(fragment)).toBeNull(),
  );
});
