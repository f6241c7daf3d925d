import { useEffect, useRef, useState } from "react";

import type { Room } from "../core/room";
import { onLeave } from "./leave";

/** How long a change may wait before it is stored in the room, in milliseconds. */
const pause = 150;

/**
 * The draft of a room. Returns the text, a function that changes it, and one that clears it when it is sent. A change is stored
 * in the room after a moment, and at once when the user leaves the room or the page. The draft of another tab is shown unless
 * a change of this tab is pending.
 */
export function useDraft(room: Room): readonly [text: string, write: (text: string) => void, taken: () => void] {
  const [text, setText] = useState(room.draft.get);
  const pending = useRef<{ readonly text: string; readonly timer: ReturnType<typeof setTimeout> } | null>(null);

  const drop = () => {
    clearTimeout(pending.current?.timer);
    pending.current = null;
  };
  const write = (changed: string) => {
    drop();
    setText(changed);
    pending.current = {
      text: changed,
      timer: setTimeout(() => {
        pending.current = null;
        room.write(changed);
      }, pause),
    };
  };
  const taken = () => {
    drop();
    setText("");
  };

  useEffect(() => {
    const note = () => {
      const last = pending.current;
      clearTimeout(last?.timer);
      pending.current = null;
      if (last !== null) room.write(last.text);
    };
    const follow = () => {
      if (pending.current === null) setText(room.draft.get());
    };
    follow(); // the draft may have been loaded from the device meanwhile
    const offs = [room.draft.subscribe(follow), onLeave(note)];
    return () => {
      note();
      for (const off of offs) off();
    };
  }, [room]);
  return [text, write, taken];
}
