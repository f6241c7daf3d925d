/** Moves the focus to the newest message in view, where Enter opens its menu. Returns whether there is one. */
export function focusNewest(): boolean {
  const row = [...document.querySelectorAll<HTMLElement>('[data-testid="messages"] [data-row]')].at(-1);
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
  return row !== undefined;
}
