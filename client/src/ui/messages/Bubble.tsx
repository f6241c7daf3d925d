import { memo, useMemo, useState } from "react";
import { Pressable, StyleSheet, View } from "react-native";

import { isDiscardable, type Outgoing } from "../../core/message";
import { Avatar } from "../Avatar";
import { Button } from "../Button";
import { Icon } from "../Icon";
import { useLocale, type Texts } from "../i18n";
import { Text } from "../Text";
import { colourOf, radius, space, useColours } from "../theme";
import { RichText } from "./RichText";
import type { Row } from "./rows";
import { beginningOf, harmless, segmentsOf } from "./text";
import { Time } from "./Time";

/** The actions on a message. */
export interface Actions {
  readonly retry: (id: string) => void;
  readonly discard: (id: string) => void;
  /** Called before a long message is shown in full. */
  readonly unfold: () => void;
  /** Called when it is folded again, with the key of its row. */
  readonly fold: (key: string) => void;
}

interface Props {
  readonly row: Extract<Row, { is: "message" | "outgoing" }>;
  readonly actions: Actions;
}

const avatar = 32;

/** A message: the client's own at one side, those of others at the other. */
export const Bubble = memo(function Bubble({ row, actions }: Props) {
  const colours = useColours();
  const { mine, first, last } = row;
  const outgoing = row.is === "outgoing" ? row.message : null;
  return (
    <View
      testID={row.is === "message" ? `message-${row.message.seq}` : `outgoing-${row.message.id}`}
      style={[styles.row, mine && styles.mine, last && styles.last]}
    >
      {!mine && <View style={styles.avatar}>{first && <Avatar name={senderOf(row)} size={avatar} />}</View>}
      <View style={[styles.column, mine && styles.ends]}>
        <Sender row={row} />
        <View
          style={[
            styles.bubble,
            cornersOf(mine, first, last),
            { backgroundColor: mine ? colours.mine : colours.theirs, borderColor: mine ? colours.mine : colours.line },
          ]}
        >
          <Body row={row} actions={actions} />
          <Foot time={row.time} mine={mine} sign={signOf(outgoing)} />
        </View>
        {outgoing !== null && isDiscardable(outgoing) && <Refused outgoing={outgoing} actions={actions} />}
      </View>
    </View>
  );
});

function senderOf(row: Props["row"]): string {
  return row.is === "message" ? harmless(row.message.client_id) : "";
}

/** The sender's name, visible above the first message of a group. For all other messages only screen readers read it. */
function Sender({ row }: Pick<Props, "row">) {
  const colours = useColours();
  const { t } = useLocale();
  if (row.mine) return <Text style={styles.unseen}>{t("you")}</Text>;
  const name = senderOf(row);
  if (!row.first) return <Text style={styles.unseen}>{name}</Text>;
  return (
    <Text size="small" strong numberOfLines={1} style={[styles.name, { color: colourOf(name, colours) }]}>
      {name}
    </Text>
  );
}

/** The text. A long one is folded until the user unfolds it. */
function Body({
  row: {
    key,
    mine,
    message: { msg },
  },
  actions,
}: Props) {
  const colours = useColours();
  const { t } = useLocale();
  const [whole, setWhole] = useState(false);
  const segments = useMemo(() => segmentsOf(msg), [msg]);
  const beginning = useMemo(() => beginningOf(segments), [segments]);
  const toggle = () => {
    if (whole) actions.fold(key);
    else actions.unfold();
    setWhole(!whole);
  };
  const colour = mine ? colours.onMine : colours.text;
  const standout = mine ? colours.onMine : colours.accent;
  return (
    <View style={styles.body}>
      <RichText segments={whole ? segments : (beginning ?? segments)} colour={colour} standout={standout} />
      {beginning !== null && (
        <Pressable role="button" aria-expanded={whole} onPress={toggle} style={styles.fold}>
          <Text strong size="small" style={{ color: standout }}>
            {t(whole ? "show-less" : "show-all")}
          </Text>
        </Pressable>
      )}
    </View>
  );
}

function Foot({ time, mine, sign }: { readonly time: Date; readonly mine: boolean; readonly sign: Sign }) {
  const colours = useColours();
  const { t } = useLocale();
  const muted = mine ? colours.onMineMuted : colours.muted;
  return (
    <View style={styles.foot}>
      <Text size="small" style={[styles.time, { color: muted }]}>
        <Time time={time} />
      </Text>
      {mine && (
        <View testID="state" role="img" aria-label={t(`state-${sign}`)}>
          <Icon name={signs[sign]} colour={muted} size={14} />
        </View>
      )}
    </View>
  );
}

const signs = { waiting: "waiting", accepted: "check", failed: "failed", conflict: "failed" } as const;
type Sign = keyof typeof signs;

/** Returns the sign of a message: the server has accepted what has come back in its log. */
function signOf(outgoing: Outgoing | null): Sign {
  if (outgoing === null) return "accepted";
  if (outgoing.state === "failed") return outgoing.conflict ? "conflict" : "failed";
  return outgoing.state === "accepted" ? "accepted" : "waiting";
}

/**
 * The reason why the server has not accepted a message, and the possible actions. A waiting message is tried again by itself, and
 * one in a conflict never.
 */
function Refused({ outgoing, actions }: { readonly outgoing: Outgoing; readonly actions: Actions }) {
  const { t } = useLocale();
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
  if (outgoing.state !== "failed") return t("waits-because", { reason: outgoing.reason?.text ?? "" });
  return t(outgoing.conflict ? "failed-conflict" : "failed-because", { reason: outgoing.reason.text });
}

/** The corners on the sender's side are round only at the start and the end of a group. */
function cornersOf(mine: boolean, first: boolean, last: boolean) {
  const [top, bottom] = [first ? radius.l : radius.xs, last ? radius.l : radius.xs];
  return mine
    ? { borderTopEndRadius: top, borderBottomEndRadius: bottom }
    : { borderTopStartRadius: top, borderBottomStartRadius: bottom };
}

const styles = StyleSheet.create({
  row: { flexDirection: "row", paddingStart: space.m, paddingEnd: "10%", paddingBottom: 2, gap: space.s },
  mine: { justifyContent: "flex-end", paddingStart: "18%", paddingEnd: space.m },
  last: { paddingBottom: space.m },
  avatar: { width: avatar },
  column: { flexBasis: "auto", maxWidth: 640, minWidth: 0, flexShrink: 1, alignItems: "flex-start" },
  ends: { alignItems: "flex-end" },
  name: { paddingHorizontal: space.m, paddingBottom: 2, maxWidth: "100%" },
  unseen: { position: "absolute", width: 1, height: 1, overflow: "hidden", opacity: 0 },
  // The time is beside a text of one line, and below a longer one.
  bubble: {
    flexDirection: "row",
    flexWrap: "wrap",
    alignItems: "flex-end",
    columnGap: space.m,
    borderRadius: radius.l,
    borderWidth: 1,
    paddingHorizontal: space.m,
    paddingVertical: space.s,
    maxWidth: "100%",
    overflow: "hidden",
  },
  body: { flexGrow: 1, flexShrink: 1, minWidth: 0, maxWidth: "100%" },
  fold: { paddingVertical: space.s, alignSelf: "flex-start" },
  foot: {
    flexDirection: "row",
    alignItems: "center",
    justifyContent: "flex-end",
    gap: 3,
    marginTop: 1,
    marginStart: "auto",
  },
  time: { fontSize: 11, lineHeight: 15 },
  refused: { paddingTop: space.xs, gap: space.xs, alignItems: "flex-end" },
  answers: { flexDirection: "row", gap: space.s },
});
