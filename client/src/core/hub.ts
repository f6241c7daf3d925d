import { HttpTransportType, HubConnectionBuilder, LogLevel, type HubConnection } from "@microsoft/signalr";

import { Emitter } from "./store";
import { Failure } from "./failure";
import type { Message } from "./message";
import { unlessEnded } from "./retry";

/** The answer to a join: the numbers of the room's newest and oldest message, 0 for none. */
export interface Joined {
  readonly last_seq: number;
  readonly oldest_seq: number;
  /** The epoch that the numbers are of. A server that knows no epochs tells none. */
  readonly epoch?: string;
  readonly reset?: Reset;
}

/** Tells that reading does not go on at the cursor but after another number. */
export interface Reset {
  readonly room: string;
  /** "epoch": the server has gone back to an earlier state. "floor": the next messages have been removed. */
  readonly reason: string;
  readonly after: number;
}

/** A place in a room's log: a number, with its epoch if the server tells epochs. */
export type Cursor = number | { readonly after: number; readonly epoch: string };

const timeout = 15_000;

/** A live connection to the hub, see docs/api/hub.md. join and leave reject with a Failure. */
export interface Hub {
  /** Reads a room, from now on or after a cursor. A second join moves the cursor. */
  join(room: string, cursor?: Cursor): Promise<Joined>;
  leave(room: string): Promise<void>;
  /** Resolves with the next answer or message, or when the connection ends. Never rejects. */
  ping(): Promise<void>;
  /** Resolves when the connection has ended, from either side. */
  readonly closed: Promise<unknown>;
  /** Ends the connection. It delivers nothing more, not even while it is ending. Never rejects. */
  stop(): Promise<void>;
}

export interface HubOptions {
  readonly server: string;
  readonly client: string;
  readonly token: () => string | undefined;
  readonly negotiates: boolean;
  readonly received: (message: Message) => void;
  /** Called when a room that is being read goes on after another number than before. It must be joined again. */
  readonly reset: (room: string) => void;
}

/** Opens a connection that reads no room yet. It does not reconnect by itself: the linker dials again. */
export async function dial(o: HubOptions, end: AbortSignal): Promise<Hub> {
  const query = new URLSearchParams({ room: "", client_id: o.client });
  const hub = new HubConnectionBuilder()
    .withUrl(`${o.server}/messageHub?${query.toString()}`, {
      ...(o.token() === undefined ? {} : { accessTokenFactory: () => o.token() ?? "" }),
      ...(o.negotiates ? {} : { skipNegotiation: true, transport: HttpTransportType.WebSockets }),
      timeout,
      withCredentials: false,
    })
    .configureLogging(LogLevel.None)
    .build();
  const messageEvents = new Emitter();
  hub.on("ReceiveMessage", (message: Message) => {
    messageEvents.emit();
    o.received(message);
  });
  hub.on("Reset", ({ room }: Reset) => o.reset(room));
  const closed = new Promise((resolve) => hub.onclose(resolve));
  await start(hub, end);
  return {
    join: (room, cursor) => call<Joined>(hub, "JoinRoom", room, ...(cursor === undefined ? [] : [cursor])),
    leave: (room) => call(hub, "LeaveRoom", room),
    ping: () => ping(hub, messageEvents),
    closed,
    stop: () => stop(hub),
  };
}

/** Calls a method, and rejects with a Failure. */
async function call<T>(hub: HubConnection, method: string, ...args: unknown[]): Promise<T> {
  try {
    return await hub.invoke<T>(method, ...args);
  } catch (error) {
    throw failureOf(error);
  }
}

/** The error codes that do not change while the connection lives. too_many: the connection reads as many rooms as it may. */
const final: ReadonlySet<string> = new Set(["forbidden", "invalid", "too_many"]);

/** Parses the server's answer `… HubException: CODE: TEXT`. Every other error means that the connection has ended. */
function failureOf(error: unknown): Failure {
  const [, code, text] = /HubException: (\w+): ([^]*)/.exec(String(error)) ?? [];
  if (code === undefined) return Failure.of(error);
  return new Failure(final.has(code) ? "rejected" : "later", text ?? code, 1000);
}

/** Starts a connection within a time limit, because a browser may try a WebSocket for minutes. A later one is stopped. */
async function start(hub: HubConnection, end: AbortSignal): Promise<void> {
  const limit = new AbortController();
  const expire = () => limit.abort();
  const timer = setTimeout(expire, timeout);
  end.addEventListener("abort", expire);
  if (end.aborted) expire();
  try {
    await unlessEnded(limit.signal.aborted ? Promise.resolve() : hub.start(), limit.signal);
  } catch (error) {
    void stop(hub);
    throw Failure.of(error);
  } finally {
    clearTimeout(timer);
    end.removeEventListener("abort", expire);
  }
}

/** Waits for an answer, or a message that arrives before it. No room has an empty name, so the server answers with an error. */
function ping(hub: HubConnection, messageEvents: Emitter): Promise<void> {
  return new Promise((resolve) => {
    const answered = () => {
      off();
      resolve();
    };
    const off = messageEvents.subscribe(answered);
    hub.invoke("LeaveRoom", "").then(answered, answered);
  });
}

function stop(hub: HubConnection): Promise<void> {
  for (const event of ["ReceiveMessage", "Reset"]) hub.off(event);
  return hub.stop().catch(() => undefined); // on failure it has already ended
}
