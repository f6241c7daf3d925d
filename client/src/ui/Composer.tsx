import { useEffect, useRef, useState, type ReactNode } from "react";
import { Platform, StyleSheet, View, type TextInput, type TextInputKeyPressEvent } from "react-native";

import { Failure } from "../core/failure";
import { byteLength, maxBytes } from "../core/message";
import type { Room } from "../core/room";
import { IconButton } from "./Button";
import { format, insert } from "./composer/edit";
import { Field } from "./composer/Field";
import { Formatting } from "./composer/Formatting";
import { longest, type Refusal } from "./composer/incoming";
import { Offers, offerID } from "./composer/Offers";
import { isTouch } from "./composer/touch";
import { useCompletion } from "./composer/useCompletion";
import { useField } from "./composer/useField";
import { useIncoming } from "./composer/useIncoming";
import { useDraft } from "./draft";
import { EmojiButton } from "./emoji/EmojiButton";
import { useLocale } from "./i18n";
import { formatNumber } from "./i18n/formats";
import { reasonText } from "./i18n/reasons";
import { formatOf, sends } from "./keys";
import { focusNewest } from "./messages/focus";
import { Text } from "./Text";
import { column, radius, rem, space, useColours } from "./theme";
import { onWeb } from "./web";

/** The composer shows how many bytes are left when fewer than this are left. */
const countdown = 2_000;

/** The field and the buttons to write a message. The draft is kept per room; a text that is too long cannot be sent. */
export function Composer({ room, focused }: { readonly room: Room; readonly focused: boolean }) {
  const colours = useColours();
  const { t } = useLocale();
  const field = useRef<TextInput>(null);
  const [text, writeDraft, taken] = useDraft(room);
  const [problem, setProblem] = useProblem();
  const [formatting, setFormatting] = useState(false);
  const left = maxBytes - byteLength(text);
  const ready = text.trim() !== "" && left >= 0;

  const write = (changed: string) => {
    if (changed.length > longest) setProblem({ is: "long", length: changed.length });
    writeDraft(changed.slice(0, longest));
  };
  const control = useField({ field, text, write, onMove: () => completion.look() });
  const completion = useCompletion(control);
  useIncoming({ field, refuse: setProblem, insert: (piece) => control.edit((edited) => insert(edited, piece)) });
  useEffect(() => {
    if (focused) field.current?.focus();
  }, [focused, room]);

  const send = () => {
    if (!ready) return;
    setProblem(null);
    taken();
    room.send(text).catch((error: unknown) => setProblem(Failure.of(error)));
    control.focus();
  };
  const onKeyPress = (event: TextInputKeyPressEvent) => {
    if (Platform.OS !== "web") return;
    const { nativeEvent } = event;
    const how = formatOf(nativeEvent);
    if (completion.onKey(nativeEvent.key)) event.preventDefault();
    else if (how !== null) {
      event.preventDefault();
      control.edit((edited) => format(edited, how));
    } else if (sends(nativeEvent, isTouch())) {
      event.preventDefault();
      send();
    } else if (nativeEvent.key === "ArrowUp" && text === "" && focusNewest()) event.preventDefault();
  };
  return (
    <Frame>
      <Offers {...completion} />
      {left < countdown && <Remaining left={left} />}
      {problem !== null && (
        <Text size="small" role="alert" tone="danger">
          {problem}
        </Text>
      )}
      {formatting && <Formatting onFormat={(how) => control.edit((edited) => format(edited, how))} />}
      <View
        {...onWeb({ dataSet: { composer: "" } })}
        style={[styles.box, { backgroundColor: colours.sunken, borderColor: colours.muted }]}
      >
        <IconButton
          icon="format"
          label={t("formatting")}
          chosen={formatting}
          testID="formatting"
          onPress={() => setFormatting(!formatting)}
        />
        <Field
          ref={field}
          text={text}
          onChange={write}
          onKeyPress={onKeyPress}
          more={control.props}
          option={completion.offers.length === 0 ? null : offerID(completion.chosen)}
        />
        <EmojiButton
          onPick={(emoji) => control.edit((edited) => insert(edited, emoji))}
          onClosed={control.focus}
          onFailed={() => setProblem({ is: "no emoji" })}
        />
        <IconButton icon="send" label={t("send")} testID="send" filled disabled={!ready} onPress={send} />
      </View>
    </Frame>
  );
}

/** What a person is told above the field, and how to tell it. */
function useProblem(): readonly [text: string | null, set: (problem: Failure | Refusal | null) => void] {
  const { t, formats } = useLocale();
  const [problem, setProblem] = useState<Failure | Refusal | null>(null);
  if (problem === null) return [null, setProblem];
  if (problem instanceof Failure) {
    if (problem.trouble === "rejected") return [t("not-sent", { reason: reasonText(t, problem.reason) }), setProblem];
    return [t("not-kept", { reason: problem.message }), setProblem]; // what the device says
  }
  if (problem.is !== "long") return [t(problem.is === "files" ? "no-files" : "emoji-failed"), setProblem];
  return [
    t("paste-too-long", { size: formatNumber(problem.length, formats), most: formatNumber(maxBytes, formats) }),
    setProblem,
  ];
}

/** Shows how many bytes are left. If there are too many, screen readers announce it at once. */
function Remaining({ left }: { readonly left: number }) {
  const { t } = useLocale();
  const text = t(left < 0 ? "too-long" : "remaining", { count: Math.abs(left) });
  if (left < 0)
    return (
      <Text size="small" testID="remaining" role="alert" tone="danger">
        {text}
      </Text>
    );
  return (
    <Text size="small" testID="remaining" tone="muted">
      {text}
    </Text>
  );
}

/** Shown instead of the composer to clients that may only read. */
export function ReadOnly() {
  const { t } = useLocale();
  return (
    <Frame>
      <Text tone="muted" style={styles.hint}>
        {t("read-only")}
      </Text>
    </Frame>
  );
}

/** The bar below the messages, whose content is as wide as they are. */
function Frame({ children }: { readonly children: ReactNode }) {
  const colours = useColours();
  return (
    <View style={[styles.frame, { backgroundColor: colours.ground }]}>
      <View style={styles.column}>{children}</View>
    </View>
  );
}

const styles = StyleSheet.create({
  frame: { paddingHorizontal: space.s, paddingTop: space.xs, paddingBottom: space.s },
  column: { width: "100%", maxWidth: rem(column), marginHorizontal: "auto", gap: space.xs },
  box: { flexDirection: "row", alignItems: "flex-end", borderRadius: radius.m, borderWidth: 1 },
  hint: { textAlign: "center", paddingVertical: space.s },
});
