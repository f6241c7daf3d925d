/** The languages that the device's owner reads, the favourite first. */
export function deviceLanguages(): readonly string[] {
  return navigator.languages;
}
