import { memo, useMemo, useState } from "react";
import { Pressable, StyleSheet, View } from "react-native";

import { isDiscardable, type Outgoing } from "../../core/message";
import { Avatar } from "../Avatar";
import { Button } from "../Button";
import { Icon } from "../Icon";
import { useLocale, type Texts } from "../i18n";
import { reasonText } from "../i18n/reasons";
import { Text } from "../Text";
import { colourOf, radius, rem, space, useColours } from "../theme";
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
  const { density, flashed, actions } = useSurroundings();
  const flashes = row.is === "message" && row.message.seq === flashed;
  return (
    <Frame
      testID={row.is === "message" ? `message-${row.message.seq}` : `outgoing-${row.message.id}`}
      onMenu={(anchor) => actions.openMenu(row.message, anchor)}
      bar={<Bar row={row} />}
    >
      {(active) => (
        <View style={row.first && styles[density]}>
          <Ground row={row} active={active} flashes={flashes} />
        </View>
      )}
    </Frame>
  );
});

interface GroundProps extends Props {
  readonly active: boolean;
  readonly flashes: boolean;
}

/** The coloured ground of a message and what lies on it. */
function Ground({ row, active, flashes }: GroundProps) {
  const { density, wide } = useSurroundings();
  const ground = useGround(row.mine, active, flashes);
  const beside = density === "compact" && wide;
  return (
    <View
      testID={flashes ? "flashed" : undefined}
      style={[
        styles.row,
        density === "comfortable" && styles.roomy,
        row.first && styles.top,
        row.last && styles.bottom,
        { backgroundColor: ground },
      ]}
    >
      {density === "comfortable" && (
        <View style={styles.avatar}>{row.first && <Avatar name={nameOf(row)} size={avatar} />}</View>
      )}
      <View style={beside ? styles.beside : styles.content}>
        <Head row={row} beside={beside} />
        <View style={beside && styles.content}>
          <Body row={row} />
          {row.is === "outgoing" && isDiscardable(row.message) && <Refused outgoing={row.message} />}
        </View>
      </View>
      <State row={row} />
    </View>
  );
}

function useGround(mine: boolean, active: boolean, flashes: boolean): string {
  const colours = useColours();
  if (flashes) return colours.flash;
  if (mine) return active ? colours.mineOver : colours.mine;
  return active ? colours.hover : "transparent";
}

function nameOf({ sender }: MessageRow): string {
  return harmless(sender);
}

/** The sender's name and the time, visible at the first message of a group. For all other messages only screen readers read the name. */
function Head({ row, beside }: Props & { readonly beside: boolean }) {
  const colours = useColours();
  const { t } = useLocale();
  const name = row.mine ? t("you") : nameOf(row);
  if (!row.first)
    return (
      <View style={beside && styles.names}>
        <Text style={styles.unseen}>{name}</Text>
      </View>
    );
  return (
    <View style={beside ? styles.names : styles.head}>
      <Text
        size="small"
        strong
        numberOfLines={1}
        style={[styles.name, { color: row.mine ? colours.accent : colourOf(nameOf(row), colours) }]}
      >
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
  const blocks = useMemo(
    () => (folded ? blocksOf(`${beginning}…`, { me, cut: true }) : blocksOf(msg, { me })),
    [folded, beginning, msg, me],
  );
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
  const sign = row.is === "message" ? "accepted" : signOf(row.message);
  return (
    <View testID="state" role="img" aria-label={t(`state-${sign}`)} style={styles.state}>
      <Icon name={signs[sign]} colour={signs[sign] === "failed" ? colours.danger : colours.muted} size={14} />
    </View>
  );
}

const signs = { waiting: "waiting", accepted: "check", failed: "failed", conflict: "failed" } as const;
type Sign = keyof typeof signs;

function signOf(outgoing: Outgoing): Sign {
  if (outgoing.state === "failed") return outgoing.conflict ? "conflict" : "failed";
  return outgoing.state === "accepted" ? "accepted" : "waiting";
}

/**
 * The reason why the server has not accepted a message, and the possible actions. A waiting message is tried again by itself, and
 * one in a conflict never.
 */
function Refused({ outgoing }: { readonly outgoing: Outgoing }) {
  const { t } = useLocale();
  const { actions } = useSurroundings();
  const { id, state } = outgoing;
  return (
    <View style={styles.refused}>
      <Text size="small" tone={state === "failed" ? "danger" : "muted"}>
        {refusalOf(outgoing, t)}
      </Text>
      <View style={styles.answers}>
        {state === "failed" && !outgoing.conflict && (
          <Button small label={t("try-again")} onPress={() => actions.retry(id)} />
        )}
        <Button small kind="danger" label={t("discard")} onPress={() => actions.discard(id)} />
      </View>
    </View>
  );
}

/** Returns the text that says why the server has not accepted a message. */
function refusalOf(outgoing: Outgoing, t: Texts): string {
  if (outgoing.state === "accepted") return "";
  if (outgoing.state !== "failed")
    return t("waits-because", { reason: outgoing.reason === null ? "" : reasonText(t, outgoing.reason) });
  return t(outgoing.conflict ? "failed-conflict" : "failed-because", { reason: reasonText(t, outgoing.reason) });
}

const styles = StyleSheet.create({
  comfortable: { paddingTop: 4 },
  compact: { paddingTop: 2 },
  row: {
    flexDirection: "row",
    alignItems: "flex-start",
    gap: space.s,
    paddingHorizontal: space.s,
    marginHorizontal: space.s,
  },
  roomy: { paddingVertical: 1 },
  top: { borderTopStartRadius: radius.m, borderTopEndRadius: radius.m, paddingTop: 2 },
  bottom: { borderBottomStartRadius: radius.m, borderBottomEndRadius: radius.m, paddingBottom: 2 },
  avatar: { width: rem(avatar), paddingTop: 2, height: 1 },
  content: { flex: 1, minWidth: 0 },
  beside: { flex: 1, minWidth: 0, flexDirection: "row", gap: space.s },
  head: { flexDirection: "row", alignItems: "baseline", gap: space.s },
  names: { width: rem(128), flexDirection: "row", justifyContent: "flex-end", paddingTop: 2 },
  name: { flexShrink: 1, minWidth: 0 },
  unseen: { position: "absolute", width: 1, height: 1, overflow: "hidden", opacity: 0 },
  fold: { paddingVertical: space.xs, alignSelf: "flex-start" },
  state: { alignSelf: "flex-end", paddingBottom: 3 },
  refused: { paddingVertical: space.xs, gap: space.xs, alignItems: "flex-start" },
  answers: { flexDirection: "row", gap: space.s },
});
