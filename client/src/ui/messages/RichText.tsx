import { memo } from "react";
import {
  Linking,
  Platform,
  Pressable,
  ScrollView,
  StyleSheet,
  Text as Native,
  View,
  type TextStyle,
} from "react-native";

import { isOver } from "../Button";
import { Icon } from "../Icon";
import { useLocale } from "../i18n";
import { Text } from "../Text";
import { font, mono, rem, radius, space, useColours } from "../theme";
import type { Inline, Link } from "./inline";
import { spotOfLink } from "./links";
import type { Block } from "./markdown";
import { useSurroundings } from "./surroundings";
import { onWeb } from "../web";

interface Props {
  readonly blocks: readonly Block[];
  /** Whether it is drawn in large letters. */
  readonly large: boolean;
}

/** A message's text: paragraphs, lists, quotes and code. */
export const RichText = memo(function RichText({ blocks, large }: Props) {
  return (
    <View testID="text" style={styles.text}>
      <Blocks blocks={blocks} large={large} />
    </View>
  );
});

function Blocks({ blocks, large = false }: { readonly blocks: readonly Block[]; readonly large?: boolean }) {
  return blocks.map((block, i) => <BlockView key={i} block={block} large={large} />);
}

function BlockView({ block, large }: { readonly block: Block; readonly large: boolean }) {
  const colours = useColours();
  switch (block.is) {
    case "block":
      return <Code language={block.language} text={block.text} />;
    case "quote":
      return (
        <View
          role={Platform.OS === "web" ? ("blockquote" as "none") : undefined}
          style={[styles.quote, { borderColor: colours.quote }]}
        >
          <Blocks blocks={block.children} />
        </View>
      );
    case "list":
      return (
        <View role="list">
          {block.items.map(({ level, label, children }, i) => (
            <View key={i} role="listitem" style={[styles.item, { paddingStart: level * 20 }]}>
              <Text tone="muted" style={styles.label}>
                {label}
              </Text>
              <Paragraph pieces={children} />
            </View>
          ))}
        </View>
      );
    case "paragraph":
      return <Paragraph pieces={block.children} style={large ? styles.large : undefined} />;
  }
}

/** Each paragraph takes its direction from its own letters, without effect on its surroundings, and stands below the sender's name. */
const direction = Platform.OS === "web" ? { dir: "auto" as const } : {};

function Paragraph({ pieces, style }: { readonly pieces: readonly Inline[]; readonly style?: TextStyle | undefined }) {
  const { rtl } = useLocale();
  return (
    <Text
      {...direction}
      selectable={Platform.OS === "web"}
      style={[styles.flow, rtl ? styles.right : styles.left, style]}
    >
      <Pieces pieces={pieces} />
    </Text>
  );
}

function Pieces({ pieces }: { readonly pieces: readonly Inline[] }) {
  return pieces.map((piece, i) => <Piece key={i} piece={piece} />);
}

function Piece({ piece }: { readonly piece: Inline }) {
  const colours = useColours();
  switch (piece.is) {
    case "text":
      return piece.text;
    case "code":
      return (
        <Native style={[styles.code, { backgroundColor: colours.sunken, color: colours.text }]}>{piece.text}</Native>
      );
    case "mention":
      return (
        <Native testID="mention" style={[styles.bold, { backgroundColor: colours.mention, color: colours.onMention }]}>
          {piece.text}
        </Native>
      );
    case "link":
      return <LinkView link={piece} />;
    default:
      return (
        <Native style={styles[piece.is]}>
          <Pieces pieces={piece.children} />
        </Native>
      );
  }
}

/** A link. One to a message of this server opens it in the app; every other one opens outside of it. */
function LinkView({ link: { text, href, target } }: { readonly link: Link }) {
  const colours = useColours();
  const { server, actions } = useSurroundings();
  const here = spotOfLink(href, server);
  const visit = () => here !== null && actions.visit(here.room, here.seq);
  return (
    <>
      <Native
        {...(Platform.OS === "web"
          ? inBrowser(href, here === null ? null : visit)
          : onPhone(href, here === null ? null : visit))}
        style={[styles.link, { color: colours.accent }]}
      >
        {text}
      </Native>
      {target !== null && <Native style={{ color: colours.muted }}>{` (${target})`}</Native>}
    </>
  );
}

function inBrowser(href: string, visit: (() => void) | null): object {
  if (visit === null) return { href, hrefAttrs: { target: "_blank", rel: "noopener noreferrer" } };
  const onClick = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return; // the browser opens a tab or a window
    event.preventDefault();
    visit();
  };
  return { href, hrefAttrs: { rel: "noopener" }, onClick };
}

function onPhone(href: string, visit: (() => void) | null): object {
  const open = () => void Linking.openURL(href).catch(() => undefined); // on failure no app opens such links
  return { role: "link", onPress: visit ?? open };
}

/** Code of several lines. It keeps its lines, and scrolls sideways. */
function Code({ language, text }: { readonly language: string; readonly text: string }) {
  const colours = useColours();
  const { t } = useLocale();
  const { actions } = useSurroundings();
  return (
    <View style={[styles.block, { backgroundColor: colours.sunken, borderColor: colours.line }]}>
      {language !== "" && (
        <Text size="small" tone="muted" style={styles.language}>
          {language}
        </Text>
      )}
      <ScrollView horizontal {...keyboardScroll} contentContainerStyle={styles.blockContent}>
        <Text selectable={Platform.OS === "web"} style={[styles.code, styles.lines, { color: colours.text }]}>
          {text}
        </Text>
      </ScrollView>
      <Pressable
        role="button"
        aria-label={t("copy-code")}
        {...onWeb({ dataSet: { tip: t("copy-code") } })}
        onPress={() => actions.copy(text)}
        style={(state) => [
          styles.copy,
          { backgroundColor: isOver(state) ? colours.hover : colours.surface, borderColor: colours.line },
        ]}
      >
        <Icon name="copy" colour={colours.muted} size={15} />
      </Pressable>
    </View>
  );
}

/** In a browser what scrolls must be reached by the keyboard. */
const keyboardScroll = Platform.OS === "web" ? { tabIndex: 0 as const } : {};

const styles = StyleSheet.create({
  text: { minWidth: 0, gap: space.xs },
  flow: { flexShrink: 1, minWidth: 0, lineHeight: rem(20) },
  left: Platform.OS === "web" ? { textAlign: "left" } : {},
  right: Platform.OS === "web" ? { textAlign: "right" } : {},
  large: { fontSize: rem(34), lineHeight: rem(42) },
  bold: { fontWeight: "700", borderRadius: radius.xs },
  italic: { fontStyle: "italic" },
  strike: { textDecorationLine: "line-through" },
  link: { textDecorationLine: "underline" },
  code: { fontFamily: mono, fontSize: rem(0.9 * font.body), writingDirection: "ltr", borderRadius: radius.xs },
  quote: { borderStartWidth: 3, paddingStart: space.m, gap: space.xs },
  item: { flexDirection: "row", gap: space.s },
  label: { minWidth: 14, textAlign: "right", fontVariant: ["tabular-nums"] },
  block: { borderRadius: radius.s, borderWidth: 1, marginVertical: 2, overflow: "hidden" },
  blockContent: { paddingHorizontal: space.s, paddingVertical: space.xs + 2, paddingEnd: 44 },
  lines: { lineHeight: rem(1.3 * font.body), whiteSpace: "pre", tabSize: 4 } as TextStyle,
  language: { paddingHorizontal: space.s, paddingTop: 3 },
  copy: {
    position: "absolute",
    top: 3,
    end: 3,
    width: rem(28),
    height: rem(26),
    alignItems: "center",
    justifyContent: "center",
    borderRadius: radius.xs,
    borderWidth: 1,
  },
});
