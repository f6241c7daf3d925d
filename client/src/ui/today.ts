import { Emitter, isSame, type Readable } from "../core/store";
import type { DeviceFormats } from "./i18n/formats";
import { deviceFormats } from "./languages";
import { useReadable } from "./readable";
import { onWake } from "./wake";

/** The day that it is on this device. The object changes when the day, the time zone or the device's formats do. */
export interface Today {
  /** Its first moment, in milliseconds. */
  readonly start: number;
  /** The first moment of the next day. A day with a change of the clocks is not 24 hours long. */
  readonly end: number;
  /** Tells the time zone from others: what its clocks show in January and in July. Its name would take Intl 15 ms, see DeviceFormats. */
  readonly zone: string;
  readonly device: DeviceFormats;
}

/** The longest time between two looks at the clock, in milliseconds. No event tells that somebody has set it. */
const longest = 60_000;

/** Watches the day while somebody is subscribed. */
export class Calendar implements Readable<Today> {
  readonly #changed = new Emitter();
  #today = read();
  #subscribers = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #end: () => void = () => undefined;

  readonly get = (): Today => {
    if (this.#subscribers === 0) this.#today = unlessSame(read(), this.#today);
    return this.#today;
  };

  readonly subscribe = (changed: () => void): (() => void) => {
    const off = this.#changed.subscribe(changed);
    if (this.#subscribers++ === 0) {
      this.#end = onWake(this.#look);
      this.#look();
    }
    return () => {
      off();
      if (--this.#subscribers > 0) return;
      this.#end();
      clearTimeout(this.#timer);
    };
  };

  /** Looks at the clock, and again when the day ends. */
  readonly #look = (): void => {
    clearTimeout(this.#timer);
    const before = this.#today;
    this.#today = unlessSame(read(), before);
    this.#timer = setTimeout(this.#look, Math.max(1_000, Math.min(longest, this.#today.end - Date.now())));
    if (this.#today !== before) this.#changed.emit();
  };
}

function unlessSame(now: Today, before: Today): Today {
  const isDevice = now.device === before.device || isSame(now.device, before.device);
  return isDevice && isSame({ ...now, device: before.device }, before) ? before : now;
}

function read(): Today {
  const now = new Date();
  const zone = [0, 6].map((month) => new Date(now.getFullYear(), month).toTimeString()).join();
  return { start: midnight(now, 0), end: midnight(now, 1), zone, device: deviceFormats() };
}

/** Returns the first moment of the day that is so many days after that of a time. */
function midnight(time: Date, days: number): number {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate() + days).getTime();
}

/** Returns how many days before today a time was. It is negative for a later day. */
export function daysAgo(time: Date, today: Today): number {
  return Math.round((today.start - midnight(time, 0)) / 86_400_000);
}

/** The day on this device. */
export const today: Readable<Today> = new Calendar();

/** Returns the day that it is, and draws again when another one begins. */
export function useToday(): Today {
  return useReadable(today);
}
