import { Pressable, StyleSheet, View } from "react-native";

import { isOver } from "../Button";
import { Icon } from "../Icon";
import { useLocale } from "../i18n";
import { Text } from "../Text";
import { radius, rem, space, useColours } from "../theme";
import { commandsOf } from "./commands";
import type { Row } from "./rows";
import { useSurroundings } from "./surroundings";
import { Time } from "./Time";
import { onWeb } from "../web";

/** The time of a message, unless it stands above the message, and its frequent commands. It lies over the corner of the message that the pointer or the focus is on. */
export function Bar({ row }: { readonly row: Extract<Row, { is: "message" | "outgoing" }> }) {
  const colours = useColours();
  const { t } = useLocale();
  const { density, server, actions } = useSurroundings();
  return (
    <View testID="bar" style={[styles.bar, { backgroundColor: colours.surface, borderColor: colours.line }]}>
      {!(row.first && density === "comfortable") && (
        <Text size="small" tone="muted" style={styles.time}>
          <Time time={row.time} />
        </Text>
      )}
      {commandsOf(row.message, server, actions)
        .filter(({ frequent }) => frequent)
        .map(({ id, icon, run }) => (
          <Pressable
            key={id}
            role="button"
            aria-label={t(id)}
            {...onWeb({ dataSet: { tip: t(id) } })}
            tabIndex={-1} // the keyboard has the menu
            onPress={run}
            style={(state) => [styles.button, isOver(state) && { backgroundColor: colours.hover }]}
          >
            <Icon name={icon} colour={colours.muted} size={17} />
          </Pressable>
        ))}
    </View>
  );
}

const styles = StyleSheet.create({
  bar: {
    flexDirection: "row",
    alignItems: "center",
    borderWidth: 1,
    borderRadius: radius.s,
    paddingHorizontal: 2,
    boxShadow: "0 1px 4px #00000022",
  },
  time: { paddingHorizontal: space.xs },
  button: { width: rem(28), height: rem(26), alignItems: "center", justifyContent: "center", borderRadius: radius.xs },
});
