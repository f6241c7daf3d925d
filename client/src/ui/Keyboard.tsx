import type { ReactNode } from "react";
import { KeyboardAvoidingView, StyleSheet } from "react-native";
import { useSafeAreaInsets } from "react-native-safe-area-context";

/**
 * Keeps the app above the keyboard. Android draws apps edge to edge, and then the keyboard lies over them as it does on iPhones,
 * whatever the manifest says. It must be inside the safe area: the keyboard is measured from the top of the screen, and the
 * view from the top of that area.
 */
export function AboveKeyboard({ children }: { readonly children: ReactNode }) {
  const { top } = useSafeAreaInsets();
  return (
    <KeyboardAvoidingView behavior="padding" keyboardVerticalOffset={top} style={styles.all} testID="above-keyboard">
      {children}
    </KeyboardAvoidingView>
  );
}

const styles = StyleSheet.create({ all: { flex: 1 } });
