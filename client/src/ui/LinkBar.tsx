import { useState, type ReactNode } from "react";
import { StyleSheet, View } from "react-native";

import type { Chat } from "../core/chat";
import type { Link } from "../core/link";
import { useLasting } from "./busy";
import { Button } from "./Button";
import { useLocale, type Texts } from "./i18n";
import { NotEncrypted } from "./NotEncrypted";
import { useReadable } from "./readable";
import { Text } from "./Text";
import { TokenDialog } from "./Token";
import { rem, space, useColours } from "./theme";
import { filled } from "./web";

/** How long messages wait on a living connection before this is worth words, in milliseconds. */
const patience = 1_500;

/** Whether there is nothing to say about the connection: it lives, and nothing waits for long. */
export function useOrdinary(chat: Chat): boolean {
  const waits = useLasting(useReadable(chat.waiting) > 0, patience);
  const keeps = useReadable(chat.keeps);
  return useReadable(chat.link).is === "live" && keeps && !waits;
}

/** Whether the connection needs attention. */
export function useAlarming(chat: Chat): boolean {
  const link = useReadable(chat.link);
  return link.is === "away" || link.is === "elsewhere" || link.is === "refused";
}

/**
 * The state of the connection in words. While there is nothing to say, only screen readers get it, and the children take its
 * place.
 */
export function LinkBar({ chat, children }: { readonly chat: Chat; readonly children?: ReactNode }) {
  const colours = useColours();
  const { t } = useLocale();
  const link = useReadable(chat.link);
  const waiting = useReadable(chat.waiting);
  const keeps = useReadable(chat.keeps);
  const ordinary = useOrdinary(chat);
  const alarming = useAlarming(chat);
  const [asking, setAsking] = useState(false);
  return (
    <>
      <View testID="link" role="status" style={[styles.line, !ordinary && styles.spoken]}>
        <View style={ordinary ? undefined : styles.text}>
          <Text
            size="small"
            style={[ordinary && styles.hidden, { color: alarming ? colours.onWarning : colours.muted }]}
          >
            {ordinary ? t("link-live") : words(keeps, link, waiting, t)}
          </Text>
          <NotEncrypted server={chat.server} />
        </View>
        {ordinary && children}
        {link.is === "away" && <Button small label={t("try-now")} onPress={() => chat.retry()} />}
        {link.is === "elsewhere" && <Button small label={t("use-tab")} onPress={() => chat.retry()} />}
        {link.is === "refused" && <Button small opens label={t("new-token")} onPress={() => setAsking(true)} />}
      </View>
      {asking && <TokenDialog onClose={() => setAsking(false)} />}
    </>
  );
}

/** The state of the connection as a dot. */
export function LinkDot({ chat, size = 10 }: { readonly chat: Chat; readonly size?: number }) {
  const colours = useColours();
  const live = useReadable(chat.link).is === "live";
  const alarming = useAlarming(chat);
  return (
    <View
      aria-hidden
      {...filled}
      style={{
        width: rem(size),
        height: rem(size),
        borderRadius: rem(size / 2),
        backgroundColor: live ? colours.good : alarming ? colours.onWarning : colours.muted,
      }}
    />
  );
}

function words(keeps: boolean, link: Link, waiting: number, t: Texts): string {
  const state = t(link.is === "away" ? `link-${link.why}` : `link-${link.is}`);
  const all = waiting === 0 ? state : t("link-waiting", { link: state, count: waiting });
  return keeps ? all : t("link-unkept", { link: all });
}

const styles = StyleSheet.create({
  line: { flexDirection: "row", alignItems: "center", minHeight: 1 },
  spoken: { gap: space.s, minHeight: rem(18) },
  text: { flexShrink: 1, flexGrow: 1 },
  hidden: { position: "absolute", width: 1, height: 1, overflow: "hidden", opacity: 0 },
});
