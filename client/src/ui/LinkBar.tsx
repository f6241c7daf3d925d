import { useState } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../core/chat";
import type { Link } from "../core/link";
import { Button } from "./Button";
import { useLocale, type Texts } from "./i18n";
import { NotEncrypted } from "./NotEncrypted";
import { useReadable } from "./readable";
import { Text } from "./Text";
import { TokenDialog } from "./Token";
import { radius, space, useColours } from "./theme";

/** Shows the state of the connection. It is always visible and keeps its size, so that nothing moves when the state changes. */
export function LinkBar({ chat, line = false }: { readonly chat: Chat; readonly line?: boolean }) {
  const colours = useColours();
  const { t } = useLocale();
  const link = useReadable(chat.link);
  const waiting = useReadable(chat.waiting);
  const keeps = useReadable(chat.keeps);
  const [asking, setAsking] = useState(false);
  const alarming = link.is === "away" || link.is === "elsewhere" || link.is === "refused";
  const colour = alarming ? colours.onWarning : colours.muted;
  return (
    <>
      <View
        testID="link"
        role="status"
        style={[
          line ? styles.line : styles.strip,
          !line && { borderColor: colours.line },
          alarming && { backgroundColor: colours.warning },
        ]}
      >
        <View aria-hidden style={[styles.dot, { backgroundColor: link.is === "live" ? colours.good : colour }]} />
        <View style={styles.text}>
          <Text size="small" style={{ color: colour }}>
            {words(keeps, link, waiting, t)}
          </Text>
          <NotEncrypted server={chat.server} />
        </View>
        {link.is === "away" && <Button small label={t("try-now")} onPress={() => chat.retry()} />}
        {link.is === "elsewhere" && <Button small label={t("use-tab")} onPress={() => chat.retry()} />}
        {link.is === "refused" && <Button small opens label={t("new-token")} onPress={() => setAsking(true)} />}
      </View>
      {asking && <TokenDialog onClose={() => setAsking(false)} />}
    </>
  );
}

function words(keeps: boolean, link: Link, waiting: number, t: Texts): string {
  const state = t(link.is === "away" ? `link-${link.why}` : `link-${link.is}`);
  const all = waiting === 0 ? state : t("link-waiting", { link: state, count: waiting });
  return keeps ? all : t("link-unkept", { link: all });
}

const styles = StyleSheet.create({
  strip: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.s,
    minHeight: 60,
    paddingHorizontal: space.l,
    paddingVertical: space.s,
    borderTopWidth: 1,
  },
  line: {
    flexDirection: "row",
    alignItems: "center",
    gap: space.s,
    minHeight: 18,
    paddingHorizontal: space.s,
    marginHorizontal: -space.s,
    borderRadius: radius.s,
  },
  dot: { width: 8, height: 8, borderRadius: 4 },
  text: { flexShrink: 1, flexGrow: 1 },
});
