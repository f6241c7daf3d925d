import type { Recorded } from "../core/device";
import type { Message } from "../core/message";

/** Puts together what a device has of a room. `value` returns what set has stored under a key. */
export function recordedOf(
  room: string,
  newest: Message | undefined,
  value: <T>(key: string) => T | undefined,
): readonly [string, Recorded] {
  const recorded = {
    newest: newest === undefined ? [] : [newest],
    read: value<number>(`read:${room}`),
    draft: value<string>(`draft:${room}`),
    epoch: value<string>(`epoch:${room}`),
    back: value<string>(`back:${room}`),
  };
  return [room, recorded];
}
