/** A glyph: the web and phones draw it in their own ways. */
export interface IconProps {
  readonly name: "back" | "close" | "plus" | "send" | "settings" | "leave" | "waiting" | "down" | "up" | "check" | "failed";
  readonly colour: string;
  readonly size?: number;
}
