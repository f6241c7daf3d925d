import type { ReactElement, ReactNode } from "react";

import type { Anchor } from "./surroundings";

/** The frame of a message, which reacts to the pointer, the finger and the keyboard. */
export interface FrameProps {
  readonly testID: string;
  /** Called with the place for the menu when a person asks for it. */
  readonly onMenu: (anchor: Anchor) => void;
  /** Shown over the message while it is active. */
  readonly bar: ReactElement;
  /** Draws the message. It is active while the pointer or the focus is on it, and after a tap. */
  readonly children: (active: boolean) => ReactNode;
}
