import type { ReactNode } from "react";
import type { StyleProp, ViewStyle } from "react-native";
import { SafeAreaProvider, SafeAreaView } from "react-native-safe-area-context";

/** The whole screen, without the parts that a phone's frame covers. */
export function Whole({ style, children }: { readonly style: StyleProp<ViewStyle>; readonly children: ReactNode }) {
  return (
    <SafeAreaProvider>
      <SafeAreaView style={style}>{children}</SafeAreaView>
    </SafeAreaProvider>
  );
}
