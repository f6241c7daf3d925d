import { StyleSheet, View } from "react-native";

import type { Chat } from "../../core/chat";
import { Avatar } from "../Avatar";
import { IconButton } from "../Button";
import { useLocale } from "../i18n";
import { LinkBar, LinkDot, useAlarming } from "../LinkBar";
import { Text } from "../Text";
import { radius, rem, space, useColours } from "../theme";

/** Who uses the app, with the state of the connection: a dot, and words when there is something to say. */
export function Person({ chat, onSettings }: { readonly chat: Chat; readonly onSettings: () => void }) {
  const colours = useColours();
  const { t } = useLocale();
  const alarming = useAlarming(chat);
  return (
    <View
      style={[
        styles.person,
        { borderColor: colours.line, backgroundColor: alarming ? colours.warning : colours.surface },
      ]}
    >
      <View>
        <Avatar name={chat.client} size={32} />
        <View style={[styles.dot, { backgroundColor: alarming ? colours.warning : colours.surface }]}>
          <LinkDot chat={chat} />
        </View>
      </View>
      <View style={styles.words}>
        <Text
          strong
          quoted
          size="note"
          numberOfLines={1}
          testID="me"
          style={{ color: alarming ? colours.onWarning : colours.text }}
        >
          {chat.client}
        </Text>
        <LinkBar chat={chat} />
      </View>
      <IconButton icon="settings" label={t("settings")} opens onPress={onSettings} />
    </View>
  );
}

const styles = StyleSheet.create({
  person: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.s + 2,
    minHeight: rem(56),
    paddingStart: space.l,
    paddingEnd: space.s,
    paddingVertical: space.xs,
    borderTopWidth: 1,
  },
  dot: { position: "absolute", end: -4, bottom: -4, padding: 2, borderRadius: radius.full },
  words: { flex: 1, minWidth: 0 },
});
