import type { Message } from "../core/message";

/** The messages at the end of an ascending list that lead up to the number last, without a gap; none if the last is another. */
export function runTo(last: number, ascending: readonly Message[]): Message[] {
  const { length } = ascending;
  let from = length;
  while (from > 0 && ascending[from - 1]?.seq === last - (length - from)) from--;
  return ascending.slice(from);
}
