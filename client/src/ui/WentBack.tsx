import { useEffect } from "react";
import { AccessibilityInfo, Platform, StyleSheet, View } from "react-native";

import type { Room } from "../core/room";
import { IconButton } from "./Button";
import { useLocale } from "./i18n";
import { dateAndTime } from "./messages/times";
import { useReadable } from "./readable";
import { Text } from "./Text";
import { space, useColours } from "./theme";

/** Tells that the server has gone back to an earlier state, until the user dismisses it. Screen readers announce it when it appears. */
export function WentBack({ room }: { readonly room: Room }) {
  const colours = useColours();
  const { t, formats } = useLocale();
  const { wentBack } = useReadable(room.timeline);
  const time = dateAndTime(new Date(wentBack ?? ""), formats);
  const text = time === "" ? t("went-back") : t("went-back-after", { time });
  const shown = wentBack !== null;
  useEffect(() => {
    if (shown && Platform.OS === "ios") AccessibilityInfo.announceForAccessibility(text); // iOS has no live regions
  }, [shown, text]);
  return (
    <View testID="went-back" role="status" aria-live="polite">
      {shown && (
        <View style={[styles.strip, { backgroundColor: colours.warning }]}>
          <Text size="small" style={[styles.text, { color: colours.onWarning }]}>
            {text}
          </Text>
          <IconButton icon="close" label={t("close")} onPress={() => room.dismiss()} />
        </View>
      )}
    </View>
  );
}

const styles = StyleSheet.create({
  strip: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.s,
    paddingStart: space.l,
    paddingEnd: space.s,
    paddingVertical: space.xs,
  },
  text: { flex: 1 },
});
