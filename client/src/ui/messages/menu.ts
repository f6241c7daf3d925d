import type { Command } from "./commands";
import type { Anchor } from "./surroundings";

/** The menu of a message. */
export interface MenuProps {
  readonly commands: readonly Command[];
  /** The sender and the time of the message, shown above the commands. */
  readonly title: string;
  readonly anchor: Anchor;
  readonly onClose: () => void;
}
