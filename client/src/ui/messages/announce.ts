import type { Readable } from "../../core/cell";
import type { Message } from "../../core/message";
import type { Timeline } from "../../core/room";

/** Announcements come no closer than this, in milliseconds. */
const pause = 1_000;

/**
 * Tells of what others have sent, a moment after it has come, until the function that it returns is called. What comes in the
 * same moment is told together.
 */
export function announce(timeline: Readable<Pick<Timeline, "messages">>, client: string, tell: (fresh: readonly Message[]) => void): () => void {
  const last = () => timeline.get().messages.at(-1)?.seq ?? 0;
  let told = last();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const speak = () => {
    timer = undefined;
    const fresh = timeline.get().messages.filter((m) => m.seq > told && m.client_id !== client);
    told = last();
    if (fresh.length > 0) tell(fresh);
  };
  const off = timeline.subscribe(() => {
    told = Math.min(told, last()); // the log may begin anew
    if (last() > told) timer ??= setTimeout(speak, pause);
  });
  return () => {
    clearTimeout(timer);
    off();
  };
}
