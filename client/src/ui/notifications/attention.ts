import { openChannel } from "../../device/tabs.web";

/** What tabs tell each other: which room the user looks at in which tab, and that notifications were turned on or off. */
export type Told =
  | { readonly is: "at"; readonly tab: string; readonly room: string | null }
  | { readonly is: "choice"; readonly on: boolean };

/** A tab that has not said for so long where the user looks is taken for gone, in milliseconds. */
export const patience = 60_000;

/** Knows in which rooms the user is, in all tabs of this client, and whether this tab is the one that notifies. */
export class Attention {
  /** Whether this tab notifies for all. Without locks every tab does; the browser shows a notification of the same tag once. */
  leads = navigator.locks === undefined;
  readonly #channel: BroadcastChannel | null;
  readonly #tab = `${Date.now()} ${Math.random()}`;
  readonly #others = new Map<string, { readonly room: string | null; readonly heard: number }>();
  readonly #end = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #room: string | null = null;

  constructor(name: string, chosen: (on: boolean) => void) {
    this.#channel = openChannel(name);
    this.#channel?.addEventListener("message", ({ data }: MessageEvent<Told>) => {
      if (data.is === "choice") chosen(data.on);
      else this.#others.set(data.tab, { room: data.room, heard: Date.now() });
    });
    this.#timer = setInterval(() => this.#room !== null && this.#tell(), patience / 3);
    void navigator.locks
      ?.request(name, { signal: this.#end.signal }, () => {
        this.leads = true;
        return new Promise<void>((release) => this.#end.signal.addEventListener("abort", () => release()));
      })
      .catch(() => undefined); // the tab was closed, or the browser has no locks here: another tab notifies, or none
  }

  /** Says in which room the user is in this tab; null for none. */
  set(room: string | null): void {
    if (room === this.#room) return;
    this.#room = room;
    this.#tell();
  }

  /** Whether the user is in a room, in any tab. */
  isIn(room: string): boolean {
    const now = Date.now();
    const there = [...this.#others.values()].some((tab) => tab.room === room && Math.abs(now - tab.heard) < patience);
    return there || room === this.#room;
  }

  /** Tells the other tabs that notifications were turned on or off. */
  choose(on: boolean): void {
    this.#post({ is: "choice", on });
  }

  close(): void {
    this.set(null);
    clearInterval(this.#timer);
    this.#end.abort();
    this.#channel?.close();
  }

  #tell(): void {
    this.#post({ is: "at", tab: this.#tab, room: this.#room });
  }

  #post(told: Told): void {
    this.#channel?.postMessage(told);
  }
}
