/** Whether a key is that of a value of one tab, which other tabs do not see. A phone has one tab: the run of the app. */
export function isOfTab(key: string): boolean {
  return key.startsWith("tab.");
}
