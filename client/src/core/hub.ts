import { HttpTransportType, HubConnectionBuilder, LogLevel, type HubConnection } from "@microsoft/signalr";

import { Bell } from "./cell";
import { Failure } from "./failure";
import type { Message } from "./message";
import { unlessEnded } from "./retry";

/** What a join answers: the numbers of the room's newest and oldest message, 0 for none. */
export interface Joined {
  readonly last_seq: number;
  readonly oldest_seq: number;
}

const timeout = 15_000;

/** A live connection to the hub: docs/api/hub.md. Its calls of rooms reject with a Failure. */
export interface Hub {
  /** Reads a room, from now on or after a number. Joining again moves the cursor. */
  join(room: string, after?: number): Promise<Joined>;
  leave(room: string): Promise<void>;
  /** Resolves with the next sign of life, or with the connection's end. Never rejects. */
  ping(): Promise<void>;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<unknown>;
  /** Ends the connection. Never rejects. */
  stop(): Promise<void>;
}

export interface HubOptions {
  readonly server: string;
  readonly client: string;
  readonly token: () => string | undefined;
  readonly negotiates: boolean;
  readonly received: (message: Message) => void;
}

/** Opens a connection that reads no room yet. It does not reconnect by itself: when it has ended another one is opened. */
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
  const heard = new Bell();
  hub.on("ReceiveMessage", (message: Message) => {
    heard.ring();
    o.received(message);
  });
  const closed = new Promise((resolve) => hub.onclose(resolve));
  await start(hub, end);
  return {
    join: (room, after) => call<Joined>(hub, "JoinRoom", room, ...(after === undefined ? [] : [after])),
    leave: (room) => call(hub, "LeaveRoom", room),
    ping: () => ping(hub, heard),
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

/** Codes of answers that stay the same while the connection lives; too_many: it reads as many rooms as it may. */
const final: ReadonlySet<string> = new Set(["forbidden", "invalid", "too_many"]);

/** The server's answer reads `… HubException: CODE: TEXT`; everything else is the connection's end. */
function failureOf(error: unknown): Failure {
  const [, code, text] = /HubException: (\w+): ([^]*)/.exec(String(error)) ?? [];
  if (code === undefined) return Failure.of(error);
  return new Failure(final.has(code) ? "rejected" : "later", text ?? code, 1000);
}

/** Starts a connection within a time limit: a browser may try a WebSocket for minutes. One that comes later is stopped. */
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

/** Asks for an answer; a message that arrives before it is one, too. No room has the name, so the server says no. */
function ping(hub: HubConnection, heard: Bell): Promise<void> {
  return new Promise((resolve) => {
    const answered = () => {
      off();
      resolve();
    };
    const off = heard.subscribe(answered);
    hub.invoke("LeaveRoom", "").then(answered, answered);
  });
}

function stop(hub: HubConnection): Promise<void> {
  return hub.stop().catch(() => undefined); // it has ended already
}
