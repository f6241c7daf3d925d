import type { ReactElement, Ref } from "react";

import type { Row } from "./rows";

/** The commands of the list of messages. */
export interface ListHandle {
  toEnd(): void;
  /** Stops following the end. Called before a row grows, so that the row's beginning stays in view. */
  stay(): void;
  /** Scrolls a row to the top of the view. */
  toKey(key: string): void;
  /** Scrolls a row into view if it is not visible. */
  show(key: string): void;
}

/** The list of messages. It opens at its end and follows the end until the reader scrolls up. Otherwise it does not move by itself. */
export interface ListProps {
  readonly ref: Ref<ListHandle>;
  /** At least one. */
  readonly rows: readonly Row[];
  readonly render: (row: Row) => ReactElement;
  /** The key of the row to open at instead of the end. */
  readonly openAt: string | null;
  readonly label: string;
  /** Called when the reader comes near the beginning. It may be called several times. */
  readonly onBeginning: () => void;
  /** Called when the reader reaches or leaves the end. */
  readonly onEnd: (atEnd: boolean) => void;
  /** Called with the index of the first visible row while the reader scrolls. */
  readonly onTop: (index: number) => void;
}
