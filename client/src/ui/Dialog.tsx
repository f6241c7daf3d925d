import { KeyboardAvoidingView, Modal, Pressable, StyleSheet } from "react-native";

import { Panel, type DialogProps } from "./Panel";
import { useLayer } from "./place";
import { useColours } from "./theme";

/** A dialog over the app, which blocks everything behind it. Its button, Escape, back, or a tap beside it closes it. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const colours = useColours();
  useLayer(onClose); // a link that is opened closes it
  return (
    <Modal transparent animationType="fade" onRequestClose={onClose}>
      <KeyboardAvoidingView behavior="padding" style={[styles.scrim, { backgroundColor: colours.scrim }]}>
        <Pressable
          style={StyleSheet.absoluteFill}
          onPress={onClose}
          accessible={false}
          importantForAccessibility="no"
        />
        <Panel title={title} onClose={onClose}>
          {children}
        </Panel>
      </KeyboardAvoidingView>
    </Modal>
  );
}

const styles = StyleSheet.create({ scrim: { flex: 1, justifyContent: "center", alignItems: "center" } });
