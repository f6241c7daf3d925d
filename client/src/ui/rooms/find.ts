import type { Summary } from "../../core/chat";
import { faultOf, matchOf, nameOf } from "./names";
import type { Search } from "./useSearch";

/** Something to choose when looking for a room. */
export type Choice =
  | { readonly is: "joined"; readonly room: string; readonly unread: number }
  | { readonly is: "found"; readonly room: string; readonly messages: number } // on the server, not joined
  | { readonly is: "create"; readonly room: string } // the server has said that there is none
  | { readonly is: "enter"; readonly room: string }; // by its name, because nobody knows whether it exists

/** How many joined rooms are shown at once. */
const most = 20;

/** Returns what can be chosen for a typed text: joined rooms first, the best match first and then the latest. */
export function choicesOf(typed: string, joined: readonly Summary[], search: Search): readonly Choice[] {
  const name = nameOf(typed);
  const here = joined
    .map((room, place) => ({ room, place, match: matchOf(room.name, name) }))
    .filter(({ match }) => match !== null)
    .sort((a, b) => (a.match ?? 0) - (b.match ?? 0) || a.place - b.place)
    .slice(0, most)
    .map(({ room }): Choice => ({ is: "joined", room: room.name, unread: room.unread }));
  const names = new Set(joined.map((room) => room.name));
  const there = search.is === "found" ? search.found.rooms.filter((room) => !names.has(room.name)) : [];
  const found = there.map((room): Choice => ({ is: "found", room: room.name, messages: room.last_seq }));
  return [...here, ...found, ...lastOf(name, names, search)];
}

/** Returns the choice of a room by its exact name, if no other choice is that room. A part of a list does not say that there is none. */
function lastOf(name: string, joined: ReadonlySet<string>, search: Search): readonly Choice[] {
  if (name === "" || faultOf(name) !== null || joined.has(name) || search.is === "looking" || search.is === "idle")
    return [];
  if (search.is === "failed") return [{ is: "enter", room: name }];
  if (search.found.rooms.some((room) => room.name === name)) return [];
  return [{ is: search.found.complete ? "create" : "enter", room: name }];
}
