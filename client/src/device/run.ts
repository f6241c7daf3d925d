import type { Message } from "../core/message";

/** Returns the messages at the end of an ascending list that reach the number last without a gap. Empty if the list ends with another number. */
export function runTo(last: number, ascending: readonly Message[]): Message[] {
  const { length } = ascending;
  let from = length;
  while (from > 0 && ascending[from - 1]?.seq === last - (length - from)) from--;
  return ascending.slice(from);
}
