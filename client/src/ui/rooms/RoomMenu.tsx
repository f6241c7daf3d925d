import { useState } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../../core/chat";
import { Button } from "../Button";
import { copyText } from "../clipboard";
import { Dialog } from "../Dialog";
import { useLocale } from "../i18n";
import { useReadable } from "../readable";
import { ActionRow, Choice, Section } from "../Rows";
import { Text } from "../Text";
import { space } from "../theme";
import { linkTo } from "../where";

/** What the client wants to hear of a room. */
const levels = ["all", "mentions", "nothing"] as const;

interface Props {
  readonly chat: Chat;
  readonly room: string;
  /** Leads to the list after the room was left. */
  readonly onBack: () => void;
  readonly onClose: () => void;
}

/** What can be set and done in a room: what it notifies of, its link, and leaving it. */
export function RoomMenu({ chat, room, onBack, onClose }: Props) {
  const { t } = useLocale();
  const level = useReadable(chat.rooms).find(({ name }) => name === room)?.level ?? "all";
  const [copied, setCopied] = useState<boolean | null>(null);
  const [leaving, setLeaving] = useState(false);
  const leave = () => {
    onClose();
    onBack();
    chat.leave(room);
  };
  const copy = () => void copyText(linkTo(chat.server, room, null)).then(setCopied);
  return (
    <Dialog title={room} onClose={onClose}>
      <Section title={t("notifications")}>
        <Choice
          title={t("level")}
          chosen={level}
          options={levels.map((l) => [l, t(`level-${l}`)])}
          onChoose={(chosen) => chat.setLevel(room, levels.find((l) => l === chosen) ?? "all")}
        />
      </Section>
      <Section>
        <ActionRow
          icon="link"
          label={t("copy-room-link")}
          hint={copied === null ? undefined : t(copied ? "copied" : "not-copied")}
          onPress={copy}
        />
        {!leaving && <ActionRow icon="leave" label={t("leave")} onPress={() => setLeaving(true)} />}
      </Section>
      {leaving && (
        <View role="alert" style={styles.leaving}>
          <Text size="note">{t("leave-text", { room })}</Text>
          <View style={styles.answers}>
            <Button small label={t("cancel")} onPress={() => setLeaving(false)} />
            <Button small kind="danger" label={t("leave")} onPress={leave} />
          </View>
        </View>
      )}
    </Dialog>
  );
}

const styles = StyleSheet.create({
  leaving: { gap: space.s },
  answers: { flexDirection: "row", flexWrap: "wrap", justifyContent: "flex-end", gap: space.s },
});
