import type { Summary } from "../../core/chat";
import type { Level } from "../../core/joined";

/** Whether the user wants to hear of a message, by the level of its room. */
export function isWanted({ mention, level }: { readonly mention: boolean; readonly level: Level }): boolean {
  return level === "all" || (level === "mentions" && mention);
}

/** Returns how many unread messages the user wants to hear of. */
export function wantedOf(rooms: readonly Summary[]): number {
  const counts = rooms.map((room) => ({ all: room.unread, mentions: room.mentions, nothing: 0 })[room.level]);
  return counts.reduce((sum, count) => sum + count, 0);
}
