import { createContext, useContext } from "react";

import type { Message, Outgoing } from "../../core/message";
import type { Density } from "../preferences";

/** Where on the screen a menu belongs: beside the part that was used to open it; null for the bottom of the screen. */
export type Anchor = { readonly x: number; readonly y: number } | null;

/** What the messages of a room have in common, and what can be done with them. */
export interface Surroundings {
  readonly density: Density;
  /** Whether there is space for names beside the messages. */
  readonly wide: boolean;
  /** The client, whose mentions are highlighted. */
  readonly me: string;
  /** The address of the server, to know links to its messages. */
  readonly server: string;
  /** The number of the message that is highlighted for a moment. */
  readonly flashed: number | null;
  readonly actions: Actions;
}

/** The actions on messages. */
export interface Actions {
  readonly retry: (id: string) => void;
  readonly discard: (id: string) => void;
  /** Called before a long message is shown in full. */
  readonly unfold: () => void;
  /** Called when it is folded again, with the key of its row. */
  readonly fold: (key: string) => void;
  readonly copy: (text: string) => void;
  readonly openMenu: (message: Message | Outgoing, anchor: Anchor) => void;
  /** Opens a room of this server, at a message if it is given. */
  readonly visit: (room: string, seq: number | null) => void;
}

export const SurroundingsContext = createContext<Surroundings | null>(null);

/** Returns what the messages of the room have in common. */
export function useSurroundings(): Surroundings {
  const surroundings = useContext(SurroundingsContext);
  if (surroundings === null) throw new Error("useSurroundings needs a SurroundingsContext");
  return surroundings;
}
