import { Platform, type GestureResponderEvent } from "react-native";

/** Returns properties that React Native for the web knows and the types do not. Phones get none of them. */
export function onWeb(properties: {
  readonly role?: "listbox";
  readonly href?: string;
  readonly dir?: "ltr" | "rtl";
  readonly dataSet?: Readonly<Record<string, string>>;
  readonly onContextMenu?: () => void;
  readonly onPointerEnter?: () => void;
  readonly onPointerLeave?: () => void;
}): object {
  return Platform.OS === "web" ? properties : {};
}

/** Marks an element whose background means something, such as a dot. Forced colours would otherwise take the background away. */
export const filled = onWeb({ dataSet: { fill: "" } });

/** Opens what a link leads to when it is pressed, but leaves a press with a key to the browser, which opens another tab or window. */
export function pressLink(event: GestureResponderEvent, open: () => void): void {
  if (Platform.OS === "web") {
    const { ctrlKey, metaKey, shiftKey } = event.nativeEvent as Partial<
      Record<"ctrlKey" | "metaKey" | "shiftKey", boolean>
    >; // the types are those of a phone's press
    if (ctrlKey === true || metaKey === true || shiftKey === true) return;
    event.preventDefault();
  }
  open();
}
