import { Image } from "react-native";

import icon from "../../assets/icon.png";

/** The sign of the app. It says nothing to a screen reader: the name is beside it. */
export function Mark({ size }: { readonly size: number }) {
  return <Image source={icon} aria-hidden style={{ width: size, height: size, borderRadius: size * 0.23 }} />;
}
