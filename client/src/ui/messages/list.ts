import type { ReactElement, Ref } from "react";

import type { Row } from "./rows";

/** What the list of messages can be told. */
export interface ListHandle {
  toEnd(): void;
  /** Leaves the end without moving: a row is about to grow, and its beginning shall stay in view. */
  stay(): void;
  /** Brings a row to the top of the view. */
  toKey(key: string): void;
  /** Brings a row into view if it is not, by the shortest way. */
  show(key: string): void;
}

/** The list of messages: it opens at its end, stays there while the reader does, and moves for nothing else. */
export interface ListProps {
  readonly ref: Ref<ListHandle>;
  /** At least one. */
  readonly rows: readonly Row[];
  readonly render: (row: Row) => ReactElement;
  /** The key of the row to open at instead of the end. */
  readonly openAt: string | null;
  readonly label: string;
  /** Is called when the reader comes near the beginning, also several times. */
  readonly onBeginning: () => void;
  /** Is called when the reader comes to the end, or leaves it. */
  readonly onEnd: (atEnd: boolean) => void;
  /** Is called with the place of the first row in view as the reader scrolls. */
  readonly onTop: (index: number) => void;
}
