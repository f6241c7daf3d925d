import { StyleSheet, View } from "react-native";

import { Dialog } from "./Dialog";
import { useLocale } from "./i18n";
import { Text } from "./Text";
import { radius, rem, space, useColours } from "./theme";
import { shortcutKeys } from "./shortcutKeys";

/** The list of the keyboard's shortcuts. */
export function Help({ onClose }: { readonly onClose: () => void }) {
  const { t } = useLocale();
  return (
    <Dialog title={t("shortcuts")} onClose={onClose}>
      <View role="list">
        {shortcutKeys.map(([id, keys]) => (
          <View key={id} role="listitem" style={styles.row}>
            <Text size="note" style={styles.what}>
              {t(`shortcut-${id}`)}
            </Text>
            {keys.map((key) => (
              <Key key={key} label={key} />
            ))}
          </View>
        ))}
      </View>
    </Dialog>
  );
}

function Key({ label }: { readonly label: string }) {
  const colours = useColours();
  return (
    <View style={[styles.key, { backgroundColor: colours.sunken, borderColor: colours.line }]}>
      <Text size="small" strong>
        {label}
      </Text>
    </View>
  );
}

const styles = StyleSheet.create({
  row: { flexDirection: "row", alignItems: "center", gap: space.xs, minHeight: rem(34) },
  what: { flex: 1 },
  key: { paddingHorizontal: space.s, paddingVertical: 1, borderRadius: radius.xs, borderWidth: 1 },
});
