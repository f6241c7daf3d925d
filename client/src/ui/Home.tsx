import { useCallback, useEffect, useState } from "react";
import { Platform, StyleSheet, View } from "react-native";

import type { Chat } from "../core/chat";
import { Boundary } from "./Boundary";
import { Button } from "./Button";
import { CopyEvents } from "./Failed";
import { useLocale } from "./i18n";
import { laterDialog } from "./later";
import { newestAsked } from "./newest";
import { Note } from "./Note";
import { OfferStrip } from "./notifications/OfferStrip";
import { useNotifications } from "./notifications/useNotifications";
import { useUnreadSigns } from "./notifications/useUnreadSigns";
import { usePlace } from "./place";
import { useReadable } from "./readable";
import { Rooms } from "./Rooms";
import { NotJoined } from "./rooms/NotJoined";
import { useCalmOrder } from "./rooms/order";
import { RoomScreen } from "./RoomScreen";
import { stepFrom, type Shortcut } from "./shortcuts";
import { rem, useColours } from "./theme";
import { useShortcuts } from "./useShortcuts";
import { useWide } from "./wide";
import type { Place } from "./where";

const Find = laterDialog(() => import("./dialogs").then((m) => m.Find));
const Settings = laterDialog(() => import("./dialogs").then((m) => m.Settings));
const Help = laterDialog(() => import("./dialogs").then((m) => m.Help));

type Opened = "find" | "settings" | "help" | null;

/** The chat: the list of rooms and a room, side by side if the window is wide enough, otherwise one of them. */
export function Home({ chat }: { readonly chat: Chat }) {
  const colours = useColours();
  const { t } = useLocale();
  const place = usePlace();
  const wide = useWide();
  const list = useCalmOrder(useReadable(chat.rooms));
  const [opened, setOpened] = useState<Opened>(null);
  const close = () => setOpened(null);
  const { room, show } = place;
  useUnreadSigns(list.rooms);
  const offer = useNotifications(chat, place);
  useEffect(() => chat.prefer(room ?? undefined), [chat, room]);
  useShortcuts((shortcut: Shortcut) => {
    if (shortcut.is === "find" || shortcut.is === "help") return setOpened(shortcut.is);
    if (shortcut.is === "newest") return newestAsked.emit();
    const next = stepFrom(list.rooms, room, shortcut);
    if (next !== null) show(next);
  });
  const onFind = useCallback(() => setOpened("find"), []);
  const onSettings = useCallback(() => setOpened("settings"), []);
  const rooms = <Rooms {...{ chat, list, onFind, onSettings }} current={wide ? room : null} onShow={show} />;

  return (
    <>
      {offer !== null && <OfferStrip offer={offer} />}
      {!wide && room === null ? (
        <View role="main" style={styles.pane}>
          {rooms}
        </View>
      ) : (
        <View style={styles.panes}>
          {wide && <View style={[styles.list, { borderColor: colours.line }]}>{rooms}</View>}
          <View
            role="main"
            aria-label={room ?? t("restante")}
            style={[styles.pane, { backgroundColor: colours.ground }]}
          >
            <Pane chat={chat} place={place} wide={wide} latest={list.rooms[0]?.name} onFind={onFind} />
          </View>
        </View>
      )}
      {opened === "find" && <Find chat={chat} onShow={show} onClose={close} />}
      {opened === "settings" && <Settings chat={chat} onClose={close} />}
      {opened === "help" && <Help onClose={close} />}
    </>
  );
}

interface PaneProps {
  readonly chat: Chat;
  readonly place: Place;
  readonly wide: boolean;
  /** The room whose newest message is the latest. */
  readonly latest: string | undefined;
  readonly onFind: () => void;
}

/** The part beside the list, or instead of it. */
function Pane({ chat, place, wide, latest, onFind }: PaneProps) {
  const { t } = useLocale();
  if (place.room === null) {
    return (
      <Note title={t("pick", { name: chat.client })} text={t(Platform.OS === "web" ? "pick-text-keys" : "pick-text")}>
        {latest !== undefined && (
          <Button kind="primary" label={t("open-this", { room: latest })} onPress={() => place.show(latest)} />
        )}
        <Button opens label={t("find")} onPress={onFind} />
      </Note>
    );
  }
  const room = chat.room(place.room);
  if (room === undefined) return <NotJoined chat={chat} room={place.room} onBack={wide ? undefined : place.back} />;
  return (
    <Boundary code="room" of={room} instead={(again) => <Broken onAgain={again} />}>
      <RoomScreen chat={chat} room={room} at={place.seq} wide={wide} onBack={place.back} onVisit={place.show} />
    </Boundary>
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

const styles = StyleSheet.create({
  panes: { flex: 1, flexDirection: "row", minHeight: 0 },
  pane: { flex: 1, minWidth: 0 },
  list: { width: "30%", minWidth: rem(270), maxWidth: rem(340), borderEndWidth: 1 },
});
