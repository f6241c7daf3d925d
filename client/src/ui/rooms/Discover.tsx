import { Pressable, StyleSheet, View } from "react-native";

import type { Chat, Summary } from "../../core/chat";
import { Avatar } from "../Avatar";
import { Button, isOver } from "../Button";
import { useLocale } from "../i18n";
import { Text } from "../Text";
import { radius, rem, space, useColours } from "../theme";
import { useSearch } from "./useSearch";

/** Somebody in more rooms than this needs no suggestions. */
const few = 3;
/** How many rooms are suggested. */
const most = 6;

interface Props {
  readonly chat: Chat;
  readonly rooms: readonly Summary[];
  readonly onShow: (room: string) => void;
  readonly onFind: () => void;
}

/** Leads somebody who is in few rooms to others: some rooms of the server, and the search. */
export function Discover({ chat, rooms, onShow, onFind }: Props) {
  const { t } = useLocale();
  const needed = rooms.length <= few;
  const search = useSearch(chat, needed ? "" : null);
  if (!needed) return null;
  const there = search.is === "found" ? search.found.rooms : [];
  const others = there.filter(({ name }) => !rooms.some((room) => room.name === name)).slice(0, most);
  const join = (room: string) => {
    chat.join(room);
    onShow(room);
  };
  return (
    <View style={styles.part}>
      {rooms.length === 0 && (
        <Text tone="muted" size="note" style={styles.words}>
          {t("rooms-empty")}
        </Text>
      )}
      {others.length > 0 && (
        <View role="group" aria-label={t("discover")}>
          <Text size="small" strong tone="muted" style={styles.words}>
            {t("discover")}
          </Text>
          {others.map(({ name, last_seq }) => (
            <Suggestion key={name} name={name} messages={last_seq} onJoin={() => join(name)} />
          ))}
        </View>
      )}
      <View style={styles.find}>
        <Button small opens label={t("find-or-create")} onPress={onFind} />
      </View>
    </View>
  );
}

function Suggestion({ name, messages, onJoin }: { name: string; messages: number; onJoin: () => void }) {
  const colours = useColours();
  const { t } = useLocale();
  const facts = t("find-messages", { count: messages });
  return (
    <Pressable
      role="button"
      testID={`discover-${name}`}
      aria-label={`${t("join-this", { room: name })}, ${facts}`}
      onPress={onJoin}
      style={(state) => [styles.row, isOver(state) && { backgroundColor: colours.hover }]}
    >
      <Avatar name={name} size={28} />
      <View style={styles.name}>
        <Text quoted size="note" numberOfLines={1}>
          {name}
        </Text>
        <Text size="small" tone="muted" numberOfLines={1}>
          {facts}
        </Text>
      </View>
      <Text size="small" strong style={{ color: colours.accent }}>
        {t("find-join")}
      </Text>
    </Pressable>
  );
}

const styles = StyleSheet.create({
  part: { gap: space.s, paddingTop: space.m },
  words: { paddingHorizontal: space.s, paddingVertical: space.xs },
  find: { flexDirection: "row", paddingHorizontal: space.s },
  row: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.s + 2,
    minHeight: rem(44),
    paddingHorizontal: space.s,
    borderRadius: radius.s,
  },
  name: { flex: 1, minWidth: 0 },
});
