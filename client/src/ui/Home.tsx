import { useEffect, type ReactNode } from "react";
import { StyleSheet, useWindowDimensions, View } from "react-native";

import type { Chat } from "../core/chat";
import { Boundary } from "./Boundary";
import { Button } from "./Button";
import { CopyEvents } from "./Failed";
import { useLocale } from "./i18n";
import { Mark } from "./Mark";
import { setPageTitle } from "./page";
import { usePlace } from "./place";
import { useReadable } from "./readable";
import { Rooms } from "./Rooms";
import { RoomScreen } from "./RoomScreen";
import { Text } from "./Text";
import { space, twoPanes, useColours } from "./theme";
import type { Place } from "./where";

/** The chat: the list of rooms and a room, side by side if the window is wide enough, otherwise one of them. */
export function Home({ chat }: { readonly chat: Chat }) {
  const colours = useColours();
  const place = usePlace();
  const wide = useWindowDimensions().width >= twoPanes;
  useTitle(chat);
  useEffect(() => chat.prefer(place.room ?? undefined), [chat, place.room]);

  if (!wide && place.room === null) {
    return (
      <View role="main" style={styles.pane}>
        <Rooms chat={chat} current={null} onShow={place.show} />
      </View>
    );
  }
  return (
    <View style={styles.panes}>
      {wide && (
        <View style={[styles.list, { borderColor: colours.line }]}>
          <Rooms chat={chat} current={place.room} onShow={place.show} />
        </View>
      )}
      <View role="main" style={[styles.pane, { backgroundColor: colours.ground }]}>
        <Pane chat={chat} place={place} wide={wide} />
      </View>
    </View>
  );
}

/** The part beside the list, or instead of it. */
function Pane({ chat, place, wide }: { readonly chat: Chat; readonly place: Place; readonly wide: boolean }) {
  const { t } = useLocale();
  useReadable(chat.rooms); // draws again when a room is joined or left
  if (place.room === null) return <Note title={t("pick")} text={t("pick-text")} />;
  const name = place.room;
  const room = chat.room(name);
  if (room !== undefined)
    return (
      <Boundary code="room" of={room} instead={(again) => <Broken onAgain={again} />}>
        <RoomScreen
          chat={chat}
          room={room}
          wide={wide}
          at={place.seq}
          onBack={place.back}
          onVisit={(name, seq) => place.show(name, seq ?? undefined)}
        />
      </Boundary>
    );
  return (
    <Note title={t("not-joined")} text={t("not-joined-text", { room: name })}>
      <Button kind="primary" label={t("join-this", { room: name })} onPress={() => chat.join(name)} />
      {!wide && <Button label={t("back")} onPress={place.back} />}
    </Note>
  );
}

/** Shown instead of a room that cannot be drawn. The list of rooms beside it stays. */
function Broken({ onAgain }: { readonly onAgain: () => void }) {
  const { t } = useLocale();
  return (
    <Note title={t("broken-room")} text={t("failed-text")}>
      <Button kind="primary" label={t("try-again")} onPress={onAgain} />
      <CopyEvents />
    </Note>
  );
}

function Note({
  title,
  text,
  children,
}: {
  readonly title: string;
  readonly text: string;
  readonly children?: ReactNode;
}) {
  return (
    <View style={styles.note}>
      <Mark size={48} />
      <Text heading={2} size="lead">
        {title}
      </Text>
      <Text tone="muted" style={styles.centred}>
        {text}
      </Text>
      {children}
    </View>
  );
}

/** Shows the number of unread messages of all rooms in the page's title. */
function useTitle(chat: Chat): void {
  const { t } = useLocale();
  const count = useReadable(chat.rooms).reduce((sum, room) => sum + room.unread, 0);
  useEffect(() => setPageTitle(count === 0 ? t("restante") : t("restante-unread", { count })), [count, t]);
}

const styles = StyleSheet.create({
  panes: { flex: 1, flexDirection: "row" },
  pane: { flex: 1, minWidth: 0 },
  list: { width: "32%", minWidth: 280, maxWidth: 380, borderEndWidth: 1 },
  note: { flex: 1, alignItems: "center", justifyContent: "center", gap: space.m, padding: space.xl },
  centred: { textAlign: "center" },
});
