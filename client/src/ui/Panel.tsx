import type { ReactNode } from "react";
import { ScrollView, StyleSheet, View } from "react-native";

import { IconButton } from "./Button";
import { useLocale } from "./i18n";
import { Text } from "./Text";
import { radius, rem, space, useColours } from "./theme";

/** The content of a dialog. */
export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** The visible part of a dialog. */
export function Panel({ title, titleId, onClose, children }: DialogProps & { readonly titleId?: string }) {
  const colours = useColours();
  const { t } = useLocale();
  return (
    <View style={[styles.panel, { backgroundColor: colours.surface, borderColor: colours.line }]}>
      <View style={[styles.head, { borderColor: colours.line }]}>
        <Text heading={2} size="lead" id={titleId} style={styles.title}>
          {title}
        </Text>
        <IconButton icon="close" label={t("close")} onPress={onClose} />
      </View>
      <ScrollView contentContainerStyle={styles.content} keyboardShouldPersistTaps="handled">
        {children}
      </ScrollView>
    </View>
  );
}

const styles = StyleSheet.create({
  panel: {
    width: "92%",
    maxWidth: rem(480),
    maxHeight: "90%",
    borderRadius: radius.l,
    borderWidth: 1,
    overflow: "hidden",
  },
  head: {
    flexDirection: "row",
    alignItems: "center",
    minHeight: 56,
    paddingStart: space.l + space.xs,
    paddingEnd: space.s,
    borderBottomWidth: 1,
  },
  title: { flex: 1 },
  content: { padding: space.l + space.xs, gap: space.l },
});
