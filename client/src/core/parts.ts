import type { Api, Page } from "./api";
import type { Log } from "./log";
import type { Message } from "./message";
import type { Records } from "./records";

/** What the parts of a room share: its log in memory and on the device, the server, and the room that they are parts of. */
export interface Parts {
  readonly room: string;
  readonly api: Pick<Api, "page" | "newer">;
  readonly log: Log;
  readonly records: Records;
  /** Reads what the device has, if that has not succeeded yet. Resolves after the try. */
  readonly load: () => Promise<void>;
  readonly isOpen: () => boolean;
  /** Throws if a page is not of the log's epoch. */
  readonly mustBePresent: (page: Page) => void;
  /** Called with messages that are new before the first one of the log. */
  readonly prepended: (messages: readonly Message[]) => void;
  readonly changed: () => void;
}
