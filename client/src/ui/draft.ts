import { useEffect, useRef, useState } from "react";

import type { Room } from "../core/room";
import { onLeave } from "./leave";

/** How long a draft may be known to the field alone, in milliseconds. */
const pause = 150;

/**
 * What is being written in a room: the text, what changes it, and what says that it has been taken to be sent. It is noted in the
 * room after a moment, and at once when the room or the page is left. What another tab writes is shown unless something is being written here.
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
    follow(); // it may have been read from the device since
    const offs = [room.draft.subscribe(follow), onLeave(note)];
    return () => {
      note();
      for (const off of offs) off();
    };
  }, [room]);
  return [text, write, taken];
}
