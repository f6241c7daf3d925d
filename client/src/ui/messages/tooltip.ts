import { Platform } from "react-native";

/** Returns the property that shows a text while the pointer rests on an element of a web page. */
export function tooltip(text: string): object {
  return Platform.OS === "web" ? { title: text } : {};
}
