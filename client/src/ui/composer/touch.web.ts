/** Whether the user writes on glass. Then Enter begins a new line. A device with a mouse or a trackpad has keys, too. */
export function isTouch(): boolean {
  return matchMedia("(pointer: coarse)").matches && !matchMedia("(any-pointer: fine)").matches;
}
