import { Platform } from "react-native";

/** Returns properties that React Native for the web knows and the types do not. Phones get none of them. */
export function onWeb(properties: {
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
