import type { ReactNode } from "react";
import { Platform, Text as Native, type TextProps, type TextStyle } from "react-native";

import { useLocale } from "./i18n";
import { font, rem, useColours } from "./theme";

type Size = keyof typeof font;

interface Props extends Omit<TextProps, "role"> {
  readonly size?: Size;
  readonly tone?: "text" | "muted" | "danger";
  readonly strong?: boolean;
  /** Whether a user has written the text. Then its own letters set its direction, but it stays aligned with the rest. */
  readonly quoted?: boolean;
  /** The level of a heading. */
  readonly heading?: 1 | 2;
  readonly role?: "alert" | "status";
  readonly children: ReactNode;
}

/** A text in the app's sizes and colours. */
export function Text({ size = "body", tone = "text", strong = false, quoted = false, heading, style, ...rest }: Props) {
  const colours = useColours();
  const { rtl } = useLocale();
  const own: TextStyle = {
    fontSize: rem(font[size]),
    lineHeight: rem(Math.round(font[size] * 1.4)),
    color: colours[tone],
    fontWeight: strong || heading !== undefined ? "600" : "400",
  };
  const level = heading === undefined ? {} : ({ role: "heading", "aria-level": heading } as const);
  const { dir, side } = directions(rtl, quoted);
  return <Native {...level} {...dir} {...rest} style={[own, side, style]} />;
}

/** Sets the direction in a browser, which would otherwise take it from the first letter. Phones choose correctly by themselves. */
function directions(rtl: boolean, quoted: boolean): { readonly dir?: object; readonly side?: TextStyle } {
  if (Platform.OS !== "web") return {};
  if (quoted) return { dir: { dir: "auto" }, side: { textAlign: rtl ? "right" : "left" } };
  return { dir: { dir: rtl ? "rtl" : "ltr" } };
}
