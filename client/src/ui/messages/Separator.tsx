import { StyleSheet, View } from "react-native";

import { useLocale } from "../i18n";
import { Text } from "../Text";
import { radius, space, useColours } from "../theme";
import { useToday } from "../today";
import { dayName } from "./times";

/** The line above the first message of a day. */
export function Day({ day }: { readonly day: Date }) {
  const colours = useColours();
  const { t, formats } = useLocale();
  const name = dayName(day, formats, useToday());
  return (
    <View testID="day" style={styles.day}>
      <View style={[styles.pill, { backgroundColor: colours.surface, borderColor: colours.line }]}>
        <Text size="small" tone="muted" strong>
          {typeof name === "string" ? t(name) : name.date}
        </Text>
      </View>
    </View>
  );
}

/** The line above the oldest message if the server has removed those before it. */
export function Removed() {
  const { t } = useLocale();
  return (
    <View testID="removed" style={styles.day}>
      <Text size="small" tone="muted">
        {t("removed")}
      </Text>
    </View>
  );
}

/** The line above the first message that was unread when the room was opened. */
export function Unread() {
  const colours = useColours();
  const { t } = useLocale();
  const line = { backgroundColor: colours.accent };
  return (
    <View testID="unread" style={styles.unread}>
      <View style={[styles.line, line]} />
      <Text size="small" strong style={{ color: colours.accent }}>
        {t("unread-separator")}
      </Text>
      <View style={[styles.line, line]} />
    </View>
  );
}

const styles = StyleSheet.create({
  day: { alignItems: "center", paddingVertical: space.m },
  pill: { borderRadius: radius.full, borderWidth: 1, paddingHorizontal: space.m, paddingVertical: 3 },
  unread: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.m,
    paddingHorizontal: space.l,
    paddingVertical: space.s,
  },
  line: { flex: 1, height: 1, opacity: 0.5 },
});
