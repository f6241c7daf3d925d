import { setStringAsync } from "expo-clipboard";

/** Copies a text. Resolves with whether the device has taken it. */
export function copyText(text: string): Promise<boolean> {
  return setStringAsync(text).catch(() => false);
}
