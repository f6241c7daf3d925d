import {
  HttpTransportType,
  HubConnectionBuilder,
  LogLevel,
  type HubConnection,
  type IHttpConnectionOptions,
} from "@microsoft/signalr";

import { joinedOf, receivedOf, resetOf } from "./door";
import type { EventRing } from "./events";
import { Emitter } from "./store";
import { Failure } from "./failure";
import { isRecord, type Message } from "./message";
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

/** How long a start may take, and how long the server may be silent while a call waits for its answer, in milliseconds. */
const timeout = 15_000;
/** How long a WebSocket may take to open where another transport can be tried, in milliseconds. A proxy may swallow it. */
const webSocketTimeout = 10_000;
/** How long a call may take while the server delivers messages, in milliseconds. */
const longestCall = 60_000;

/** A live connection to the hub, see docs/api/hub.md. join and leave reject with a Failure, at the latest after a minute. */
export interface Hub {
  /** Reads a room, from now on or after a cursor. A second join moves the cursor. */
  join(room: string, cursor?: Cursor): Promise<Joined>;
  leave(room: string): Promise<void>;
  /** Resolves with the next answer or message, or when the connection ends. Never rejects. */
  ping(): Promise<void>;
  /** Resolves when the connection has ended, from either side, or was stopped. */
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
  /**
   * Resolves when this tab may hold a connection that is not a WebSocket. A browser has few of them for one host, and the app
   * needs some for its requests. Rejects when end is aborted.
   */
  readonly slot: (end: AbortSignal) => Promise<Slot>;
  /** Where malformed messages are noted. They are not delivered. */
  readonly events: Pick<EventRing, "note">;
}

/** The right of a tab to hold a connection that is not a WebSocket. */
export interface Slot {
  /** Resolves when another tab has taken the right. */
  readonly lost: Promise<void>;
  readonly release: () => void;
}

/** The right to hold a connection where nothing limits it. */
export async function freeSlot(): Promise<Slot> {
  return { lost: new Promise(() => undefined), release: () => undefined };
}

/** A WebSocket alone, and what is tried where a WebSocket cannot be opened. */
const webSocket = { transport: HttpTransportType.WebSockets };
const fallback = { transport: HttpTransportType.ServerSentEvents | HttpTransportType.LongPolling };

/** Opens a connection that reads no room yet. It does not reconnect by itself: the linker dials again. */
export async function dial(o: HubOptions, end: AbortSignal): Promise<Hub> {
  const first = o.negotiates ? webSocket : { ...webSocket, skipNegotiation: true };
  try {
    return await open(o, first, o.negotiates ? webSocketTimeout : timeout, end);
  } catch (error) {
    if (end.aborted || !o.negotiates || !isOfTransport(error)) throw Failure.of(error);
  }
  o.events.note("no-websocket");
  const slot = await o.slot(end);
  try {
    const hub = await open(o, fallback, timeout, end);
    void slot.lost.then(() => hub.stop());
    void hub.closed.then(slot.release);
    return hub;
  } catch (error) {
    slot.release();
    throw Failure.of(error);
  }
}

/** Whether the server may be there although a WebSocket could not be opened. */
function isOfTransport(error: unknown): boolean {
  return error instanceof StartTimeout || (isRecord(error) && Array.isArray(error.innerErrors));
}

/** A start that took too long. */
class StartTimeout extends Error {}

/** Opens a connection in one way. */
async function open(o: HubOptions, way: IHttpConnectionOptions, limit: number, end: AbortSignal): Promise<Hub> {
  const query = new URLSearchParams({ room: "", client_id: o.client });
  const hub = new HubConnectionBuilder()
    .withUrl(`${o.server}/messageHub?${query.toString()}`, {
      ...(o.token() === undefined ? {} : { accessTokenFactory: () => o.token() ?? "" }),
      ...way,
      timeout,
      withCredentials: false,
    })
    .configureLogging(LogLevel.None)
    .build();
  const lifeSigns = new Emitter();
  hub.on("ReceiveMessage", (value: unknown) => {
    lifeSigns.emit();
    const received = receivedOf(value);
    if (received.is === "message") o.received(received.message);
    else if (received.is === "malformed") o.events.note("malformed", { what: "message" });
  });
  hub.on("Reset", (value: unknown) => {
    const reset = resetOf(value);
    if (reset !== null) o.reset(reset.room);
    else o.events.note("malformed", { what: "reset" });
  });
  let ended = () => {};
  const closed = new Promise<void>((resolve) => (ended = resolve));
  hub.onclose(() => ended());
  const close = () => {
    ended(); // a dead connection may take minutes to close
    return stop(hub);
  };
  await start(hub, limit, end);
  const call = async (method: string, ...args: unknown[]): Promise<unknown> => {
    try {
      return await withinLimits(hub.invoke<unknown>(method, ...args), lifeSigns, () => void close());
    } catch (error) {
      throw failureOf(error);
    } finally {
      lifeSigns.emit();
    }
  };
  return {
    async join(room, cursor) {
      const joined = joinedOf(await call("JoinRoom", room, ...(cursor === undefined ? [] : [cursor])));
      if (joined !== null) return joined;
      o.events.note("malformed", { what: "join" });
      throw new Failure("later", "the server's answer cannot be read", 0, "unreadable");
    },
    leave: async (room) => void (await call("LeaveRoom", room)),
    ping: () => ping(hub, lifeSigns),
    closed,
    stop: close,
  };
}

/** Returns the result of a call. If it takes too long, the connection counts as dead: lost is called, and the promise rejects. */
function withinLimits<T>(answer: Promise<T>, lifeSigns: Emitter, lost: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let silence: ReturnType<typeof setTimeout>;
    const settled = () => {
      clearTimeout(silence);
      clearTimeout(limit);
      off();
    };
    const expire = () => {
      settled();
      reject(new Failure("unreachable", "the server does not answer a call"));
      lost();
    };
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(expire, timeout);
    };
    const limit = setTimeout(expire, longestCall);
    const off = lifeSigns.subscribe(listen);
    listen();
    answer.then(resolve, reject).then(settled, settled);
  });
}

/** The error codes that do not change while the connection lives. too_many: the connection reads as many rooms as it may. */
const final: ReadonlySet<string> = new Set(["forbidden", "invalid", "too_many"]);

/** Parses the server's answer `… HubException: CODE: TEXT`. Every other error means that the connection has ended. */
function failureOf(error: unknown): Failure {
  const [, code, text] = /HubException: (\w+): ([^]*)/.exec(String(error)) ?? [];
  if (code === undefined) return Failure.of(error);
  return new Failure(final.has(code) ? "rejected" : "later", text ?? code, 1000, code);
}

/** Starts a connection within a time limit, because a browser may try a WebSocket for minutes. A later one is stopped. */
async function start(hub: HubConnection, limit: number, end: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const expire = () => ended.abort();
  const timer = setTimeout(expire, limit);
  end.addEventListener("abort", expire);
  if (end.aborted) expire();
  try {
    await unlessEnded(ended.signal.aborted ? Promise.resolve() : hub.start(), ended.signal);
  } catch (error) {
    void stop(hub);
    throw ended.signal.aborted ? new StartTimeout("the connection was not opened in time") : error;
  } finally {
    clearTimeout(timer);
    end.removeEventListener("abort", expire);
  }
}

/** Waits for an answer, or a message that arrives before it. No room has an empty name, so the server answers with an error. */
function ping(hub: HubConnection, lifeSigns: Emitter): Promise<void> {
  return new Promise((resolve) => {
    const answered = () => {
      off();
      resolve();
    };
    const off = lifeSigns.subscribe(answered);
    hub.invoke("LeaveRoom", "").then(answered, answered);
  });
}

function stop(hub: HubConnection): Promise<void> {
  for (const event of ["ReceiveMessage", "Reset"]) hub.off(event);
  return hub.stop().catch(() => undefined); // on failure it has already ended
}
