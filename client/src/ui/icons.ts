/** A glyph. The web and phones draw it differently. */
export interface IconProps {
  readonly name:
    "back" | "close" | "plus" | "send" | "settings" | "leave" | "waiting" | "down" | "up" | "check" | "failed";
  readonly colour: string;
  readonly size?: number;
}
