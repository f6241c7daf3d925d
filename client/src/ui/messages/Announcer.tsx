import { useEffect, useState } from "react";
import { AccessibilityInfo, Platform, StyleSheet, View } from "react-native";

import type { Message } from "../../core/message";
import type { Room } from "../../core/room";
import { useLocale, type Texts } from "../i18n";
import { Text } from "../Text";
import { announce } from "./announce";
import { plainOf } from "./plain";
import { harmless } from "./text";

const mostCharacters = 200;

/** Announces the messages of others to screen readers. The list is not a live region, because its rows change while it scrolls. */
export function Announcer({ room, client }: { readonly room: Room; readonly client: string }) {
  const { t } = useLocale();
  const [said, setSaid] = useState({ text: "", times: 0 });
  useEffect(
    () =>
      announce(room.timeline, client, (fresh) => {
        const text = textOf(fresh, t);
        if (Platform.OS === "ios") AccessibilityInfo.announceForAccessibility(text); // iOS has no live regions
        setSaid(({ times }) => ({ text, times: times + 1 }));
      }),
    [room, client, t],
  );
  // A repeated text gets a new element, because a screen reader announces only changes.
  return (
    <View testID="announcer" aria-live="polite" style={styles.unseen}>
      <Text key={said.times}>{said.text}</Text>
    </View>
  );
}

function textOf(fresh: readonly Message[], t: Texts): string {
  const [only] = fresh;
  if (only === undefined || fresh.length > 1) return t("announce-many", { count: fresh.length });
  return t("announce-one", { sender: harmless(only.client_id), text: plainOf(only.msg, mostCharacters) });
}

const styles = StyleSheet.create({
  unseen: { position: "absolute", width: 1, height: 1, overflow: "hidden", opacity: 0 },
});
