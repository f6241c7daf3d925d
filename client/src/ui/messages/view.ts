import { useState } from "react";

import type { Message } from "../../core/message";
import type { More, Timeline } from "../../core/timeline";

/** The part of a room's log that is shown: the newest messages, or a window around an older one. */
export interface View extends Pick<Timeline, "messages" | "outgoing" | "mark"> {
  readonly older: More;
  readonly newer: More;
  /** Whether it ends with the newest message. */
  readonly newest: boolean;
}

/** Returns what is shown of a timeline. A window that is not there yet is not shown. */
export function viewOf({ messages, outgoing, mark, older, window }: Timeline): View {
  if (window?.state !== "ready") return { messages, outgoing, mark, older, newer: "none", newest: true };
  return { messages: window.messages, outgoing: [], mark, older: window.older, newer: window.newer, newest: false };
}

interface Part {
  readonly first: number;
  readonly last: number;
  readonly generation: number;
}

/** Returns a number that changes when the messages have nothing to do with those before, so that the list begins again elsewhere. */
export function useGeneration(messages: readonly Message[]): number {
  const [part, setPart] = useState<Part>({ ...endsOf(messages), generation: 0 });
  const { first, last } = endsOf(messages);
  if (first === part.first && last === part.last) return part.generation;
  const apart = first > part.last + 1 || last < part.first - 1;
  const generation = part.generation + (apart && part.last > 0 && last > 0 ? 1 : 0);
  setPart({ first, last, generation });
  return generation;
}

function endsOf(messages: readonly Message[]): { readonly first: number; readonly last: number } {
  return { first: messages[0]?.seq ?? 0, last: messages.at(-1)?.seq ?? 0 };
}
