import type { Summary } from "../../core/chat";
import { Failure } from "../../core/failure";
import { choicesOf } from "./find";
import type { Search } from "./useSearch";

const joined = (...names: string[]): Summary[] =>
  names.map((name) => ({ name, newest: null, unread: 0, mentions: 0, draft: "", level: "all", watched: true }));

const found = (names: string[], complete = true): Search => ({
  is: "found",
  found: { rooms: names.map((name) => ({ name, last_seq: 3 })), complete },
});

const listed = (typed: string, rooms: Summary[], search: Search) =>
  choicesOf(typed, rooms, search).map(({ is, room }) => `${is} ${room}`);

describe("the choices of a search", () => {
  test("are the joined rooms by match and then as they are listed, and those of the server that are not joined", () => {
    expect(listed("ga", joined("mega", "team-ga", "gate", "garage"), found(["gala", "garage", "gate"]))).toEqual([
      "joined gate",
      "joined garage",
      "joined team-ga",
      "joined mega",
      "found gala",
      "create ga",
    ]);
  });

  test("without a text are all rooms, and no new one", () => {
    expect(listed("", joined("lobby"), found(["garden", "lobby"]))).toEqual(["joined lobby", "found garden"]);
  });

  test("show a bounded number of joined rooms", () => {
    const rooms = joined(...Array.from({ length: 500 }, (_, n) => `room-${n}`));
    expect(listed("room", rooms, { is: "looking" })).toHaveLength(20);
  });

  test.each<[string, Search, string[]]>([
    ["the server has all of them and not this one", found(["garden-2"]), ["found garden-2", "create garden"]],
    ["the server has it", found(["garden"]), ["found garden"]],
    ["the server has told a part of them", found(["garden-2"], false), ["found garden-2", "enter garden"]],
    ["the server has not answered yet", { is: "looking" }, []],
    ["nothing is asked", { is: "idle" }, []],
    ["the server cannot be asked", { is: "failed", failure: new Failure("unreachable", "") }, ["enter garden"]],
  ])("offer a new room only if it is known that there is none: %s", (_when, search, choices) => {
    expect(listed("garden", joined("lobby"), search)).toEqual(choices);
  });

  test("do not offer to create a room that one is in, or that no room can be", () => {
    expect(listed("Lobby", joined("lobby"), found([]))).toEqual(["joined lobby"]);
    expect(listed("a b", joined("lobby"), found([]))).toEqual([]);
  });
});
