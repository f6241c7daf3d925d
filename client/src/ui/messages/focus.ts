/** Moves the focus to the newest message. Phones have no such focus. */
export function focusNewest(): boolean {
  return false;
}
