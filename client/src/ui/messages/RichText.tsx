import { useMemo } from "react";
import { Linking, Platform, StyleSheet, Text as Native, View } from "react-native";

import { Text } from "../Text";
import { mono, radius, space, useColours } from "../theme";
import type { Segment } from "./text";

interface Props {
  readonly segments: readonly Segment[];
  /** The colour of the text, and the colour of its links and code. */
  readonly colour: string;
  readonly standout: string;
}

/** A message's text with links and code. Everything else is drawn as plain text. */
export function RichText({ segments, colour, standout }: Props) {
  const blocks = useMemo(() => paragraphsOf(segments), [segments]);
  return (
    <View testID="text" style={styles.text}>
      {blocks.map((block, i) =>
        "is" in block ? (
          <Block key={i} text={block.text} />
        ) : (
          <Text key={i} {...direction} selectable style={[styles.flow, { color: colour }]}>
            {block.map((segment, j) => (
              <Piece key={j} segment={segment} standout={standout} />
            ))}
          </Text>
        ),
      )}
    </View>
  );
}

/** Each paragraph takes its direction from its own letters, without effect on its surroundings. */
const direction = Platform.OS === "web" ? { dir: "auto" as const } : {};

type CodeBlock = Extract<Segment, { is: "block" }>;

/** Groups the segments between blocks of code into paragraphs. */
function paragraphsOf(segments: readonly Segment[]): readonly (CodeBlock | readonly Segment[])[] {
  const blocks: (CodeBlock | Segment[])[] = [];
  for (const segment of segments) {
    const last = blocks.at(-1);
    if (segment.is === "block") blocks.push(segment);
    else if (Array.isArray(last)) last.push(segment);
    else blocks.push([segment]);
  }
  return blocks;
}

function Piece({ segment, standout }: { readonly segment: Segment; readonly standout: string }) {
  if (segment.is === "link") return <Link text={segment.text} href={segment.href} colour={standout} />;
  if (segment.is === "code") return <Text style={[styles.code, { color: standout }]}>{segment.text}</Text>;
  return segment.text;
}

function Link({ text, href, colour }: { readonly text: string; readonly href: string; readonly colour: string }) {
  const open =
    Platform.OS === "web"
      ? { href, hrefAttrs: { target: "_blank", rel: "noopener noreferrer" } }
      : { role: "link" as const, onPress: () => void Linking.openURL(href).catch(() => undefined) }; // on failure no app opens such links
  return (
    <Native {...open} style={[styles.link, { color: colour }]}>
      {text}
    </Native>
  );
}

function Block({ text }: { readonly text: string }) {
  const colours = useColours();
  return (
    <View style={[styles.block, { backgroundColor: colours.ground, borderColor: colours.line }]}>
      <Text selectable style={[styles.code, { color: colours.text }]}>
        {text}
      </Text>
    </View>
  );
}

const styles = StyleSheet.create({
  text: { minWidth: 0, gap: space.xs },
  flow: { flexShrink: 1 },
  code: { fontFamily: mono, fontSize: 13.5, writingDirection: "ltr" },
  link: { textDecorationLine: "underline" },
  block: { borderRadius: radius.s, borderWidth: 1, padding: space.s },
});
