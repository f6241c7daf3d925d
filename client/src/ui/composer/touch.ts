/** Whether the user writes on glass. Then Enter begins a new line. */
export function isTouch(): boolean {
  return true;
}
