import { useEffect, useRef, useState, type ReactNode, type Ref } from "react";
import { Platform, StyleSheet, TextInput, View, type TextInputKeyPressEvent } from "react-native";

import { Failure } from "../core/failure";
import { byteLength, maxBytes } from "../core/message";
import type { Room } from "../core/room";
import { IconButton } from "./Button";
import { useDraft } from "./draft";
import { useLocale } from "./i18n";
import { reasonText } from "./i18n/reasons";
import { sends } from "./keys";
import { Text } from "./Text";
import { font, space, useColours } from "./theme";

/** The composer shows how many bytes are left when fewer than this are left. */
const countdown = 2_000;
/** How many lines of the text are visible. */
const lines = 6;
/** How many characters are measured. More do not fit into the visible lines. */
const measured = 2_000;

/** The field and the button to write a message. The draft is kept per room; a text that is too long cannot be sent. */
export function Composer({ room, focused }: { readonly room: Room; readonly focused: boolean }) {
  const { t } = useLocale();
  const field = useRef<TextInput>(null);
  const [text, write, taken] = useDraft(room);
  const [problem, setProblem] = useState<string | null>(null);
  const left = maxBytes - byteLength(text);
  const ready = text.trim() !== "" && left >= 0;

  useEffect(() => {
    if (focused) field.current?.focus();
  }, [focused, room]);

  const send = () => {
    if (!ready) return;
    setProblem(null);
    taken();
    room.send(text).catch((error: unknown) => {
      const { trouble, reason } = Failure.of(error);
      setProblem(trouble === "rejected" ? t("not-sent", { reason: reasonText(t, reason) }) : t("not-kept"));
    });
    field.current?.focus();
  };
  const onKeyPress = (event: TextInputKeyPressEvent) => {
    if (Platform.OS !== "web" || !sends(event.nativeEvent)) return;
    event.preventDefault();
    send();
  };
  return (
    <Frame>
      {left < countdown && <Remaining left={left} />}
      {problem !== null && (
        <Text size="small" role="alert" tone="danger">
          {problem}
        </Text>
      )}
      <View style={styles.row}>
        <GrowingField ref={field} text={text} onChange={write} onKeyPress={onKeyPress} />
        <IconButton icon="send" label={t("send")} testID="send" filled disabled={!ready} onPress={send} />
      </View>
    </Frame>
  );
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

function Frame({ children }: { readonly children: ReactNode }) {
  const colours = useColours();
  return (
    <View style={[styles.frame, { backgroundColor: colours.surface, borderColor: colours.line }]}>{children}</View>
  );
}

interface GrowingFieldProps {
  readonly ref: Ref<TextInput>;
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly onKeyPress: (event: TextInputKeyPressEvent) => void;
}

/** A field that grows with its text. The same text lies invisibly behind it and sets the height. */
function GrowingField({ ref, text, onChange, onKeyPress }: GrowingFieldProps) {
  const colours = useColours();
  const { t } = useLocale();
  return (
    <View style={[styles.field, { backgroundColor: colours.sunken, borderColor: colours.muted }]}>
      <Text
        aria-hidden
        importantForAccessibility="no-hide-descendants"
        style={[styles.text, styles.measure]}
      >{`${text.slice(0, measured)}\u200b`}</Text>
      <TextInput
        ref={ref}
        testID="composer"
        aria-label={t("message")}
        placeholder={t("message")}
        placeholderTextColor={colours.muted}
        multiline
        value={text}
        onChangeText={onChange}
        onKeyPress={onKeyPress}
        enterKeyHint={Platform.OS === "web" ? "send" : "enter"}
        autoComplete="off"
        style={[styles.text, styles.input, { color: colours.text }]}
      />
    </View>
  );
}

const lineHeight = Math.round(font.body * 1.4);
const padding = 11;
const round = 22;

const styles = StyleSheet.create({
  frame: { paddingHorizontal: space.m, paddingVertical: space.s, gap: space.xs, borderTopWidth: 1 },
  row: { flexDirection: "row", alignItems: "flex-end", gap: space.s },
  field: {
    flex: 1,
    minHeight: lineHeight + 2 * padding,
    maxHeight: lines * lineHeight + 2 * padding,
    borderRadius: round,
    borderWidth: 1,
    overflow: "hidden",
  },
  text: { fontSize: font.body, lineHeight, paddingHorizontal: space.l, paddingVertical: padding - 1 },
  measure: { opacity: 0 },
  input: {
    position: "absolute",
    top: 0,
    start: 0,
    width: "100%",
    height: "100%",
    borderRadius: round - 1,
    textAlignVertical: "top",
  },
  hint: { textAlign: "center", paddingVertical: space.s },
});
