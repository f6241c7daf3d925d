import { View } from "react-native";

import { useLocale } from "./i18n";
import type { IconProps } from "./icons";
import { rem } from "./theme";

/** SVG paths on a grid of 24 × 24. */
const strokes: Record<IconProps["name"], string> = {
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  send: "M12 19V6M6 11.5L12 5.5l6 6",
  settings: "M4 8h9M17 8h3M4 16h3M11 16h9M13 8a2 2 0 1 0 4 0a2 2 0 1 0-4 0M7 16a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
  leave: "M10 5H6v14h4M14 8l4 4-4 4M18 12h-8",
  down: "M6 9.5l6 6 6-6",
  up: "M6 14.5l6-6 6 6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  failed: "M12 7.5v5M12 16v.5M4 12a8 8 0 1 0 16 0a8 8 0 1 0-16 0",
  waiting: "M12 7.5V12l3 2M4 12a8 8 0 1 0 16 0a8 8 0 1 0-16 0",
  more: "M4.5 12a.7.7 0 1 0 1.4 0a.7.7 0 1 0-1.4 0M11.3 12a.7.7 0 1 0 1.4 0a.7.7 0 1 0-1.4 0M18.1 12a.7.7 0 1 0 1.4 0a.7.7 0 1 0-1.4 0",
  search: "M4.5 10.5a6 6 0 1 0 12 0a6 6 0 1 0-12 0M15 15l5 5",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1",
  muted: "M6.5 16.5H18l-1.5-2.5V10.5a4.5 4.5 0 0 0-7-3.7M10 19.5h4M7.5 11v3L6 16.5M5 5l14 14",
  seldom: "M12 8v4l-2.5 2M19.4 14.5A8 8 0 1 1 20 12M20 7v5h-5",
  copy: "M9 9h10v11H9zM15 9V5H5v11h4",
  smile: "M4 12a8 8 0 1 0 16 0a8 8 0 1 0-16 0M8.5 14c1.8 2.5 5.2 2.5 7 0M9.2 9.5v.2M14.8 9.5v.2",
  format: "M4 18l4.5-12L13 18M5.6 14h5.8M20 18v-6M20 15a2.5 2.5 0 1 1-5 0a2.5 2.5 0 1 1 5 0",
};

/** A glyph, hidden from screen readers. */
export function Icon({ name, colour, size = 22 }: IconProps) {
  const { rtl } = useLocale();
  const turned = rtl && (name === "back" || name === "leave");
  return (
    <View aria-hidden style={turned && { transform: [{ scaleX: -1 }] }}>
      <svg
        style={{ width: rem(size), height: rem(size) }}
        viewBox="0 0 24 24"
        fill="none"
        stroke={colour}
        strokeWidth={2}
        strokeLinecap="round"
        strokeLinejoin="round"
      >
        <path d={strokes[name]} />
      </svg>
    </View>
  );
}
