import type { ReactNode } from "react";
import { View, type StyleProp, type ViewStyle } from "react-native";

/** The whole page, without the parts that a phone's frame covers. */
export function Whole({ style, children }: { readonly style: StyleProp<ViewStyle>; readonly children: ReactNode }) {
  return <View style={[style, insets]}>{children}</View>;
}

/** The browser knows the frame; the types do not know that a length may be a function of CSS. */
const insets = {
  paddingTop: "env(safe-area-inset-top)",
  paddingBottom: "env(safe-area-inset-bottom)",
  paddingLeft: "env(safe-area-inset-left)",
  paddingRight: "env(safe-area-inset-right)",
} as unknown as ViewStyle;
