/** A glyph. The web and phones draw it differently. */
export interface IconProps {
  readonly name:
    | "back"
    | "close"
    | "plus"
    | "send"
    | "settings"
    | "leave"
    | "waiting"
    | "down"
    | "up"
    | "check"
    | "failed"
    | "more"
    | "search"
    | "link"
    | "muted"
    | "seldom"
    | "copy"
    | "smile"
    | "format";
  readonly colour: string;
  readonly size?: number;
}
