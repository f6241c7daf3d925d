import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";

import type { Summary } from "../../core/chat";

/** How long the order stays after the last pointer, touch or focus has left the list, in milliseconds. */
const rest = 800;

/** What keeps the order of the list as it is while it lasts. */
export type Hold = "pointer" | "touch" | "scroll" | "focus";

/** Keeps the list calm while somebody may be about to press a row. */
export interface Calm {
  readonly hold: (why: Hold) => void;
  readonly release: (why: Hold) => void;
}

/** The rooms in the order in which they are shown. */
export interface CalmRooms {
  readonly rooms: readonly Summary[];
  /** Always the same object. */
  readonly calm: Calm;
}

/**
 * Returns the rooms in the order of their newest messages, but does not change the order under a pointer, a touch or the focus:
 * otherwise a press would open another room than the one that was aimed at.
 */
export function useCalmOrder(rooms: readonly Summary[]): CalmRooms {
  const [frozen, setFrozen] = useState<readonly string[] | null>(null);
  const shown = useMemo(() => (frozen === null ? rooms : inOrder(rooms, frozen)), [rooms, frozen]);
  const drawn = useRef(shown);
  const holds = useRef(new Set<Hold>());
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useLayoutEffect(() => {
    drawn.current = shown;
  }, [shown]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const calm = useMemo(
    (): Calm => ({
      hold(why) {
        clearTimeout(timer.current);
        holds.current.add(why);
        setFrozen((names) => names ?? drawn.current.map(({ name }) => name));
      },
      release(why) {
        if (!holds.current.delete(why) || holds.current.size > 0) return;
        clearTimeout(timer.current);
        timer.current = setTimeout(() => setFrozen(null), rest);
      },
    }),
    [],
  );
  return useMemo(() => ({ calm, rooms: shown }), [calm, shown]);
}

/** Sorts rooms as these names are. Rooms that are new come last, so that no other row moves. */
export function inOrder(rooms: readonly Summary[], names: readonly string[]): readonly Summary[] {
  const left = new Map(rooms.map((room) => [room.name, room]));
  const known = names.flatMap((name) => {
    const room = left.get(name);
    left.delete(name);
    return room === undefined ? [] : [room];
  });
  return [...known, ...left.values()];
}
