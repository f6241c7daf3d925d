import { View } from "react-native";

import { useLocale } from "./i18n";
import type { IconProps } from "./icons";
import { Text } from "./Text";

/** Characters that exist in the fonts of iOS and Android. The web version draws its glyphs. */
const glyphs: Record<IconProps["name"], string> = {
  back: "‹",
  close: "✕",
  plus: "+",
  send: "↑",
  settings: "⚙\uFE0E",
  leave: "⇥",
  waiting: "◔",
  down: "↓",
  up: "↑",
  check: "✓",
  failed: "!",
  more: "⋯",
  search: "⌕",
  link: "⧉",
  muted: "⊘",
  seldom: "◷",
  copy: "⧉",
  smile: "☺\uFE0E",
  format: "Aa",
};

/** A glyph, hidden from screen readers. */
export function Icon({ name, colour, size = 22 }: IconProps) {
  const { rtl } = useLocale();
  const turned = rtl && (name === "back" || name === "leave");
  return (
    <View aria-hidden style={turned && { transform: [{ scaleX: -1 }] }}>
      <Text allowFontScaling={false} style={{ fontSize: size, lineHeight: Math.round(size * 1.15), color: colour }}>
        {glyphs[name]}
      </Text>
    </View>
  );
}
