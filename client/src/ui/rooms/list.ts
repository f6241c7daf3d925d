import type { ReactElement } from "react";

import type { Summary } from "../../core/chat";
import type { Calm } from "./order";

/** The scrolling list of rooms. It draws only the rows that are in view and some around them. */
export interface RoomListProps {
  readonly rooms: readonly Summary[];
  readonly calm: Calm;
  /** The room that is kept in view. */
  readonly current: string | null;
  /** The height of a row at the usual text size. */
  readonly rowHeight: number;
  readonly render: (room: Summary) => ReactElement;
  /** What follows the last row. */
  readonly end: ReactElement;
}
