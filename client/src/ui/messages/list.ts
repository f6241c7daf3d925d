import type { ReactElement, Ref } from "react";

import type { Row } from "./rows";

/** The commands of the list of messages. */
export interface ListHandle {
  toEnd(): void;
  /** Stops following the end. Called before a row grows, so that the row's beginning stays in view. */
  stay(): void;
  /** Scrolls a row to the top of the view, or to its middle. */
  toKey(key: string, place: Place): void;
  /** Scrolls a row into view if it is not visible. */
  show(key: string): void;
}

type Place = "top" | "middle";

/** The row at which the list opens. */
export interface Opening {
  readonly key: string;
  readonly place: Place;
}

/**
 * The list of messages. It opens at its end, and follows the end while `follows` is set until the reader scrolls up. Otherwise it does
 * not move by itself. Few messages stand at the bottom.
 */
export interface ListProps {
  readonly ref: Ref<ListHandle>;
  /** At least one. */
  readonly rows: readonly Row[];
  readonly render: (row: Row) => ReactElement;
  /** Where to open instead of the end. */
  readonly openAt: Opening | null;
  readonly follows: boolean;
  readonly label: string;
  /** Called when the reader comes near the beginning or the end. They may be called several times. */
  readonly onBeginning: () => void;
  readonly onNearEnd: () => void;
  /** Called when the reader reaches or leaves the end. */
  readonly onEnd: (atEnd: boolean) => void;
  /** Called with the index of the first visible row and that of the last one which is visible whole. It may be called several times. */
  readonly onView: (top: number, bottom: number) => void;
}
