import { createContext, useContext } from "react";
import { Platform } from "react-native";

/** The colours of a scheme. A test checks that every text colour has a contrast of at least 4.5 to 1 on its backgrounds. */
export interface Colours {
  readonly ground: string; // behind everything
  readonly surface: string; // bars, lists, dialogs
  readonly sunken: string; // fields, code
  readonly line: string; // between things; no text
  readonly text: string;
  readonly muted: string; // times and hints, on ground, surface and sunken
  readonly accent: string; // links, buttons, unread counts
  readonly onAccent: string;
  readonly mine: string; // ground of the client's own messages
  readonly mineOver: string; // the same, hovered
  readonly flash: string; // ground of a message that a link leads to
  readonly quote: string; // line beside quotes; no text
  readonly mention: string; // ground of the client's name in messages of others
  readonly onMention: string;
  readonly danger: string;
  readonly warning: string; // background of the bar that shows a lost connection
  readonly onWarning: string;
  readonly focus: string;
  readonly selected: string; // the visible room in the list
  readonly count: string; // counts of unread messages that mention nobody
  readonly hover: string; // hovered elements
  readonly good: string; // the dot of a live connection; no text
  readonly scrim: string; // behind a dialog
  /** For the names and pictures of clients. */
  readonly people: readonly string[];
}

export const light: Colours = {
  ground: "#f3f4f7",
  surface: "#ffffff",
  sunken: "#eceef3",
  line: "#dfe2ea",
  text: "#171a21",
  muted: "#586072",
  accent: "#2f56d0",
  onAccent: "#ffffff",
  mine: "#e6ebfb",
  mineOver: "#dce3f8",
  flash: "#ffe9a8",
  quote: "#8a94a8",
  mention: "#ffe2a0",
  onMention: "#5c3a00",
  danger: "#b3261e",
  warning: "#fff1d6",
  onWarning: "#6b4300",
  focus: "#2f56d0",
  selected: "#e3e9fb",
  count: "#5b6579",
  hover: "#eef0f5",
  good: "#1f8a4c",
  scrim: "#0c101a80",
  people: ["#7428e0", "#b0306a", "#9a4a00", "#0b6e63", "#1f6f2c", "#0d62ad", "#6a4fb3", "#8f2d2d"],
};

export const dark: Colours = {
  ground: "#0f1218",
  surface: "#171b23",
  sunken: "#222834",
  line: "#2b3240",
  text: "#eceff6",
  muted: "#a3adc2",
  accent: "#8fa8ff",
  onAccent: "#0d1430",
  mine: "#1b2440",
  mineOver: "#222d4f",
  flash: "#4a3c14",
  quote: "#6f7c96",
  mention: "#4a3a12",
  onMention: "#ffdc94",
  danger: "#ff9a92",
  warning: "#3a2c10",
  onWarning: "#ffd999",
  focus: "#8fa8ff",
  selected: "#27314d",
  count: "#a3adc2",
  hover: "#1e2430",
  good: "#5cc98a",
  scrim: "#000000a6",
  people: ["#c6a2ff", "#ff9cc4", "#ffb57a", "#6fd8c9", "#8fd99b", "#86c3ff", "#bda9f5", "#f5a3a3"],
};

/** Sizes in density-independent pixels. Texts and what must grow with them take them through rem. */
export const space = { xs: 4, s: 8, m: 12, l: 16, xl: 24 } as const;
export const radius = { xs: 5, s: 8, m: 12, l: 18, full: 999 } as const;
export const font = { small: 12, note: 13, body: 15, lead: 17, title: 20 } as const;

/**
 * Returns a size that grows with the text size of the user. On the web it is relative to the font size of the page's root, which
 * browsers let the user choose. Phones scale texts by themselves.
 */
export function rem(size: number): number {
  return Platform.OS === "web" ? (`${size / 16}rem` as unknown as number) : size; // the web's styles take lengths with units, which the types do not know
}

export const mono = Platform.select({
  ios: "Menlo",
  default: "ui-monospace, SFMono-Regular, Menlo, monospace",
  android: "monospace",
});
/** The smallest width at which the list of rooms and a room are side by side, at the usual text size. */
export const twoPanes = 720;

/** The widest column of messages, with the composer below it, in pixels at the usual text size. Longer lines are hard to read. */
export const column = 860;

export const ColoursContext = createContext<Colours>(light);

export function useColours(): Colours {
  return useContext(ColoursContext);
}

/** Returns the colour of a name, always the same. */
export function colourOf(name: string, colours: Colours): string {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return colours.people[sum % colours.people.length] ?? colours.text;
}
