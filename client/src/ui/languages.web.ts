/** Returns the languages of the browser, the preferred one first. */
export function deviceLanguages(): readonly string[] {
  return navigator.languages;
}
