/** Nothing: a phone has no pointer that could rest on a button, and screen readers read the label. */
export function Tips(): null {
  return null;
}
