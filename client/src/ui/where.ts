import { placeOfFragment } from "../core/address";

/** The current screen: a room, perhaps at one of its messages, or the list of rooms (null). */
export interface Place {
  readonly room: string | null;
  /** The number of the message to show; null for where the reader has been. */
  readonly seq: number | null;
  readonly show: (room: string, seq?: number | null) => void;
  readonly back: () => void;
}

/** A room and a message of it, as in an address. */
export type Spot = Pick<Place, "room" | "seq">;

const nowhere: Spot = { room: null, seq: null };

/** Parses the fragment of an address: `#/room` or `#/room/seq`. */
export function spotOf(fragment: string): Spot {
  return placeOfFragment(fragment) ?? nowhere;
}

/** Returns the fragment of an address that shows a room, or a message of it. */
export function fragmentOf(room: string, seq: number | null = null): string {
  return seq === null ? `#/${room}` : `#/${room}/${seq}`;
}

/** Returns the address of a message, or of a room. */
export function linkTo(server: string, room: string, seq: number | null): string {
  return `${server}/${fragmentOf(room, seq)}`;
}
