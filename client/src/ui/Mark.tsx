import { Image } from "react-native";

import icon from "../../assets/icon.png";

/** The logo of the app. Hidden from screen readers, because the name is beside it. */
export function Mark({ size }: { readonly size: number }) {
  return <Image source={icon} aria-hidden style={{ width: size, height: size, borderRadius: size * 0.23 }} />;
}
