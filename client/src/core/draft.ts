import type { TabEvent, Tabs } from "./device";
import type { Records } from "./records";
import { Store } from "./store";

/** What was written in a room and not sent yet, in all tabs. */
export class Draft {
  readonly text = new Store("");
  readonly #room: string;
  readonly #tabs: Tabs;
  readonly #records: Records;
  /** Whether the user has changed it here. Then it is newer than what the device has. */
  #touched = false;

  constructor(room: string, tabs: Tabs, records: Records) {
    this.#room = room;
    this.#tabs = tabs;
    this.#records = records;
  }

  /** Shows what the device has, or stores what was written before the device could be read. */
  load(stored: string | undefined): void {
    if (this.#touched) this.#records.draft(this.text.get());
    else if (stored !== undefined && this.text.get() === "") this.text.set(stored);
  }

  write(text: string): void {
    if (text === this.text.get()) return;
    this.#show(text);
    this.#records.draft(text);
  }

  /** Empties it. It stays on the device until its message is stored there: if the page closed in between, the text would be lost. */
  async sent(stored: Promise<void>): Promise<void> {
    this.#show("");
    await stored;
    if (this.text.get() === "") this.#records.draft("");
  }

  onTabEvent(event: TabEvent): void {
    if (event.is === "draft" && event.room === this.#room) this.text.set(event.text);
  }

  #show(text: string): void {
    this.#touched = true;
    this.text.set(text);
    this.#tabs.post({ is: "draft", room: this.#room, text });
  }
}
