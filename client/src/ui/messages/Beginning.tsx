import { StyleSheet, View } from "react-native";

import type { Chat } from "../../core/chat";
import { Avatar } from "../Avatar";
import { Button } from "../Button";
import { useReadable } from "../readable";
import { useLocale } from "../i18n";
import { Text } from "../Text";
import { space } from "../theme";
import { linkTo } from "../where";
import { useCopy } from "./useCopy";

/** A room in which nothing has been said: its name, and an invitation to write and to bring others. */
export function Beginning({ chat, room }: { readonly chat: Chat; readonly room: string }) {
  const { t } = useLocale();
  const maySend = useReadable(chat.maySend);
  const [copied, , copy] = useCopy();
  return (
    <View testID="messages" style={styles.middle}>
      <Avatar name={room} size={56} />
      <Text strong size="title" quoted style={styles.centred}>
        {room}
      </Text>
      <Text tone="muted" style={styles.centred}>
        {t(maySend ? "beginning" : "beginning-read-only")}
      </Text>
      <Button label={t("copy-room-link")} onPress={() => copy(linkTo(chat.server, room, null))} />
      <View role="status" style={styles.notice}>
        {copied !== null && (
          <Text size="small" tone="muted">
            {copied}
          </Text>
        )}
      </View>
    </View>
  );
}

const styles = StyleSheet.create({
  middle: { flex: 1, alignItems: "center", justifyContent: "center", padding: space.xl, gap: space.m },
  centred: { textAlign: "center", maxWidth: 420 },
  notice: { minHeight: 20 },
});
