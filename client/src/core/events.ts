import { Store } from "./store";

/** Something that happened in the app. It never holds a text of a message, a token, or the name of a room or a person. */
export interface AppEvent {
  /** When it happened last, RFC 3339. */
  readonly at: string;
  /** How often it happened in a row. */
  readonly times: number;
  readonly code: string;
  readonly details: string;
}

/** What may be told of an event: numbers, and short words of the app's own code. */
export type Details = Readonly<Record<string, string | number | boolean>>;

const most = 500;
const longestDetail = 32;
const longestStack = 600;

/** The last events of the app, so that a user can send them with a report of a fault. */
export class EventRing {
  readonly #events = new Store<readonly AppEvent[]>([]);

  /** The events, oldest first. */
  get list(): readonly AppEvent[] {
    return this.#events.get();
  }

  readonly subscribe = this.#events.subscribe;

  /** Adds an event. One that repeats the last event is counted instead. */
  note(code: string, details: Details = {}): void {
    this.#add(
      code,
      Object.entries(details)
        .map(([name, value]) => `${name}=${wordOf(String(value))}`)
        .join(" "),
    );
  }

  /** Adds an error that the app did not expect: its name and where it was thrown. Its message may quote a message, so it is left out. */
  caught(code: string, error: unknown): void {
    this.#add(code, error instanceof Error ? `${wordOf(error.name)}${whereOf(error)}` : typeof error);
  }

  /** Returns the events as lines, for copying. */
  text(): string {
    return this.list
      .map(({ at, times, code, details }) =>
        [at, code, ...(details === "" ? [] : [details]), ...(times > 1 ? [`(${times} times)`] : [])].join(" "),
      )
      .join("\n");
  }

  #add(code: string, details: string): void {
    const at = new Date().toISOString();
    this.#events.update((events) => {
      const last = events.at(-1);
      if (last?.code === code && last.details === details)
        return [...events.slice(0, -1), { ...last, at, times: last.times + 1 }];
      return [...events.slice(1 - most), { at, times: 1, code, details }];
    });
  }
}

/** Returns a detail, unless it is more than one short word: a longer text may be what somebody wrote. */
function wordOf(text: string): string {
  return text.length <= longestDetail && /^[\w.:/+-]*$/.test(text) ? text : "…";
}

/** Returns React's number of the error if it has one, and the lines of its stack that name places in the code. */
function whereOf({ message, stack = "" }: Error): string {
  const [number = ""] = / #\d+/.exec(/^Minified React error #\d+/.exec(message)?.[0] ?? "") ?? [];
  const frames = stack
    .split("\n")
    .map((line) =>
      /^\s*at (?:(?:async )?([\w.$<>[\] ]+) \()?.*?([\w.-]+:\d+:\d+)\)?$|^([\w.$<>/]*)@.*?([\w.-]+:\d+:\d+)$/.exec(
        line,
      ),
    )
    .flatMap((frame) => (frame === null ? [] : [`${frame[1] ?? frame[3] ?? ""}@${frame[2] ?? frame[4] ?? ""}`]));
  return `${number} ${frames.slice(0, 8).join(" ")}`.trimEnd().slice(0, longestStack);
}
