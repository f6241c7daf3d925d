import { memo, useMemo, useState } from "react";
import { Pressable, StyleSheet, View } from "react-native";

import type { Outgoing } from "../../core/message";
import { Avatar } from "../Avatar";
import { Button } from "../Button";
import { Icon } from "../Icon";
import { useLocale } from "../i18n";
import { Text } from "../Text";
import { colourOf, radius, space, useColours } from "../theme";
import { Bar } from "./Bar";
import { Frame } from "./Frame";
import { blocksOf } from "./markdown";
import { RichText } from "./RichText";
import type { Row } from "./rows";
import { useSurroundings } from "./surroundings";
import { beginningOf, harmless, isFewEmoji } from "./text";
import { Time } from "./Time";

type MessageRow = Extract<Row, { is: "message" | "outgoing" }>;

interface Props {
  readonly row: MessageRow;
}

const avatar = 32;

/**
 * A message. The picture, the name and the time stand at the first one of a group. The messages of the client have a ground of their
 * own colour.
 */
export const MessageView = memo(function MessageView({ row }: Props) {
  const colours = useColours();
  const { density, wide, flashed, actions } = useSurroundings();
  const { mine, first, last } = row;
  const compact = density === "compact";
  const outgoing = row.is === "outgoing" ? row.message : null;
  const flashes = row.is === "message" && row.message.seq === flashed;
  return (
    <Frame
      testID={row.is === "message" ? `message-${row.message.seq}` : `outgoing-${row.message.id}`}
      onMenu={(anchor) => actions.openMenu(row.message, anchor)}
      bar={<Bar row={row} />}
    >
      {(active) => (
        <View style={[first && (compact ? styles.firstCompact : styles.first)]}>
          <View
            testID={flashes ? "flashed" : undefined}
            style={[
              styles.row,
              compact && styles.rowCompact,
              first && styles.top,
              last && styles.bottom,
              mine && { backgroundColor: colours.mine },
              active && { backgroundColor: mine ? colours.mineOver : colours.hover },
              flashStyle,
              flashes && { backgroundColor: colours.flash },
            ]}
          >
            {!compact && <View style={styles.avatar}>{first && <Avatar name={nameOf(row)} size={avatar} />}</View>}
            <View style={compact && wide ? styles.beside : styles.above}>
              <Head row={row} beside={compact && wide} />
              <View style={compact && wide ? styles.grow : undefined}>
                <Body row={row} />
                {outgoing?.reason !== undefined && <Refused outgoing={outgoing} />}
              </View>
            </View>
            <State row={row} />
          </View>
        </View>
      )}
    </Frame>
  );
});

function nameOf({ sender }: MessageRow): string {
  return harmless(sender);
}

/** The sender's name and the time, visible at the first message of a group. For all other messages only screen readers read the name. */
function Head({ row, beside }: Props & { readonly beside: boolean }) {
  const colours = useColours();
  const { t } = useLocale();
  const name = row.mine ? t("you") : nameOf(row);
  if (!row.first) return beside ? <View style={styles.names}><Text style={styles.unseen}>{name}</Text></View> : <Text style={styles.unseen}>{name}</Text>;
  return (
    <View style={beside ? styles.names : styles.head}>
      <Text size="small" strong numberOfLines={1} style={[styles.name, { color: row.mine ? colours.accent : colourOf(nameOf(row), colours) }]}>
        {name}
      </Text>
      {!beside && (
        <Text size="small" tone="muted">
          <Time time={row.time} />
        </Text>
      )}
    </View>
  );
}

/** The text. A long one is folded until the user unfolds it. */
function Body({ row: { key, message } }: Props) {
  const colours = useColours();
  const { t } = useLocale();
  const { me, actions } = useSurroundings();
  const [whole, setWhole] = useState(false);
  const { msg } = message;
  const beginning = useMemo(() => beginningOf(msg), [msg]);
  const folded = beginning !== null && !whole;
  const blocks = useMemo(() => (folded ? blocksOf(`${beginning}…`, { me, cut: true }) : blocksOf(msg, { me })), [folded, beginning, msg, me]);
  const toggle = () => {
    if (whole) actions.fold(key);
    else actions.unfold();
    setWhole(!whole);
  };
  return (
    <>
      <RichText blocks={blocks} large={isFewEmoji(msg)} />
      {beginning !== null && (
        <Pressable role="button" aria-expanded={whole} onPress={toggle} style={styles.fold}>
          <Text strong size="small" style={{ color: colours.accent }}>
            {t(whole ? "show-less" : "show-all")}
          </Text>
        </Pressable>
      )}
    </>
  );
}

/** Whether a message of the client waits, is accepted, or has failed. The last one of a group says it for all that are stored. */
function State({ row }: Props) {
  const colours = useColours();
  const { t } = useLocale();
  if (!row.mine || (row.is === "message" && !row.last)) return null;
  const state = row.is === "message" ? "accepted" : row.message.state;
  const failed = state === "failed" || state === "conflict";
  return (
    <View testID="state" role="img" aria-label={t(`state-${state}`)} style={styles.state}>
      <Icon name={signs[state]} colour={failed ? colours.danger : colours.muted} size={14} />
    </View>
  );
}

const signs = { waiting: "waiting", accepted: "check", failed: "failed", conflict: "failed" } as const;

/** The text that says why the server has not accepted a message. */
const refusals = {
  waiting: "waits-because",
  accepted: "waits-because",
  failed: "failed-because",
  conflict: "failed-conflict",
} as const;

/**
 * The reason why the server has not accepted a message, and the possible actions. A waiting message is tried again by itself, and
 * one in a conflict never.
 */
function Refused({ outgoing: { id, state, reason = "" } }: { readonly outgoing: Outgoing }) {
  const { t } = useLocale();
  const { actions } = useSurroundings();
  const final = state === "failed" || state === "conflict";
  return (
    <View style={styles.refused}>
      <Text size="small" tone={final ? "danger" : "muted"}>
        {t(refusals[state], { reason })}
      </Text>
      <View style={styles.answers}>
        {state === "failed" && <Button small label={t("try-again")} onPress={() => actions.retry(id)} />}
        <Button small kind="danger" label={t("discard")} onPress={() => actions.discard(id)} />
      </View>
    </View>
  );
}

/** The highlight of a message fades on the web. Phones switch it. */
const flashStyle = { transitionProperty: "background-color", transitionDuration: "250ms" } as object;

const styles = StyleSheet.create({
  first: { paddingTop: 6 },
  firstCompact: { paddingTop: 3 },
  row: { flexDirection: "row", alignItems: "flex-start", gap: space.s, paddingHorizontal: space.s, marginHorizontal: space.s, paddingVertical: 1 },
  rowCompact: { paddingVertical: 0 },
  top: { borderTopStartRadius: radius.m, borderTopEndRadius: radius.m, paddingTop: 3 },
  bottom: { borderBottomStartRadius: radius.m, borderBottomEndRadius: radius.m, paddingBottom: 3 },
  avatar: { width: avatar, paddingTop: 2, height: 1 },
  above: { flex: 1, minWidth: 0 },
  beside: { flex: 1, minWidth: 0, flexDirection: "row", gap: space.s },
  grow: { flex: 1, minWidth: 0 },
  head: { flexDirection: "row", alignItems: "baseline", gap: space.s },
  names: { width: 128, flexDirection: "row", justifyContent: "flex-end", paddingTop: 2 },
  name: { flexShrink: 1, minWidth: 0 },
  unseen: { position: "absolute", width: 1, height: 1, overflow: "hidden", opacity: 0 },
  fold: { paddingVertical: space.xs, alignSelf: "flex-start" },
  state: { alignSelf: "flex-end", paddingBottom: 3 },
  refused: { paddingVertical: space.xs, gap: space.xs, alignItems: "flex-start" },
  answers: { flexDirection: "row", gap: space.s },
});
