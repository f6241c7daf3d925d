import { StyleSheet, View } from "react-native";

import { useLocale } from "../i18n";
import { Text } from "../Text";
import { radius, space, useColours } from "../theme";
import { useToday } from "../today";
import { dayName } from "./times";

/** The line above the first message of a day. */
export function Day({ day }: { readonly day: Date }) {
  return (
    <View testID="day" style={styles.day}>
      <DayPill day={day} />
    </View>
  );
}

/** The name of a day. A floating one stays over the list while the messages of the day are read, and is hidden from screen readers. */
export function DayPill({ day, floating = false }: { readonly day: Date; readonly floating?: boolean }) {
  const colours = useColours();
  const { t, formats } = useLocale();
  const name = dayName(day, formats, useToday());
  return (
    <View
      testID={floating ? "floating-day" : undefined}
      aria-hidden={floating}
      style={[
        styles.pill,
        floating && styles.floating,
        { backgroundColor: colours.surface, borderColor: colours.line },
      ]}
    >
      <Text size="small" tone="muted" strong>
        {typeof name === "string" ? t(name) : name.date}
      </Text>
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
  day: { alignItems: "center", paddingTop: space.s },
  pill: { borderRadius: radius.full, borderWidth: 1, paddingHorizontal: space.m, paddingVertical: 1 },
  floating: { pointerEvents: "none" },
  unread: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.m,
    paddingHorizontal: space.l,
    paddingTop: space.s,
  },
  line: { flex: 1, height: 1, opacity: 0.5 },
});
