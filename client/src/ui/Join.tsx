import { useEffect, useState } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../core/chat";
import { roomPattern } from "../core/message";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Directory } from "./Directory";
import { Field } from "./Field";
import { useLocale } from "./i18n";
import { Text } from "./Text";
import { space } from "./theme";

interface Props {
  readonly chat: Chat;
  readonly onJoin: (room: string) => void;
  readonly onClose: () => void;
}

/** Asks which room to join, and lists the existing rooms. */
export function Join({ chat, onJoin, onClose }: Props) {
  const { t } = useLocale();
  const [text, setText] = useState("");
  const [refused, setRefused] = useState(false);
  const room = text.trim().toLowerCase();
  const found = useDirectory(chat);
  const enter = () => {
    if (roomPattern.test(room)) onJoin(room);
    else setRefused(true);
  };
  return (
    <Dialog title={t("join-title")} onClose={onClose}>
      <Text tone="muted">{t("join-text")}</Text>
      <View style={styles.form}>
        <Field
          label={t("room")}
          hint={t("room-hint")}
          problem={refused ? t("room-problem") : undefined}
          value={text}
          autoFocus
          enterKeyHint="go"
          autoComplete="off"
          onChange={(changed) => {
            setText(changed);
            setRefused(false);
          }}
          onSubmitEditing={enter}
        />
        <Button kind="primary" label={t("join")} onPress={enter} />
      </View>
      <Directory found={found} filter={room} onJoin={onJoin} />
    </Dialog>
  );
}

/** Returns the server's rooms that the client has not joined; null until they are loaded. */
function useDirectory(chat: Chat): readonly string[] | "failed" | null {
  const [found, setFound] = useState<readonly string[] | "failed" | null>(null);
  useEffect(() => {
    let wanted = true;
    const show = (rooms: readonly string[] | "failed") => wanted && setFound(rooms);
    chat.directory().then(
      (rooms) => show(rooms.map((r) => r.name).filter((name) => chat.room(name) === undefined)),
      () => show("failed"),
    );
    return () => {
      wanted = false;
    };
  }, [chat]);
  return found;
}

const styles = StyleSheet.create({ form: { gap: space.m } });
