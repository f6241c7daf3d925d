import type { Readable } from "../../core/store";
import type { Message } from "../../core/message";
import type { Timeline } from "../../core/timeline";

/** The shortest time between two announcements, in milliseconds. */
const pause = 1_000;

/**
 * Announces the messages of others a moment after they arrive, several together if they arrive in that moment. The returned
 * function ends this.
 */
export function announce(
  timeline: Readable<Pick<Timeline, "messages">>,
  client: string,
  onFresh: (fresh: readonly Message[]) => void,
): () => void {
  const last = () => timeline.get().messages.at(-1)?.seq ?? 0;
  let announced = last();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const announceFresh = () => {
    timer = undefined;
    const fresh = timeline.get().messages.filter((m) => m.seq > announced && m.client_id !== client);
    announced = last();
    if (fresh.length > 0) onFresh(fresh);
  };
  const off = timeline.subscribe(() => {
    announced = Math.min(announced, last()); // the log may start again at lower numbers
    if (last() > announced) timer ??= setTimeout(announceFresh, pause);
  });
  return () => {
    clearTimeout(timer);
    off();
  };
}
