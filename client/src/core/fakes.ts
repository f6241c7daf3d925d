import { Emitter } from "./store";
import type { TabEvent, Tabs, Connectivity } from "./device";
import { Failure } from "./failure";
import type { Cursor, Hub, Joined, Reset } from "./hub";
import type { Message, Unsent } from "./message";

// Fakes of the machine and the network for the tests of this folder.

export { FakeDevice } from "./device.fakes";

export function message(seq: number, change: Partial<Message> = {}): Message {
  const at = new Date(Date.UTC(2026, 0, 1) + seq * 1000).toISOString();
  return {
    kind: "message",
    id: `id-${seq}`,
    room: "lobby",
    seq,
    client_id: "bob",
    msg: `message ${seq}`,
    sent_at: at,
    stored_at: at,
    ...change,
  };
}

/** A message of the client that waits. */
export function unsent(id: string, change: Partial<Unsent> = {}): Unsent {
  const written = {
    kind: "outgoing",
    id,
    room: "lobby",
    msg: "a",
    written_at: "2026-01-01T00:00:00Z",
    order: 1,
  } as const;
  return { ...written, state: "waiting", reason: null, ...change };
}

export function messages(from: number, to: number, change: Partial<Message> = {}): Message[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => message(from + i, change));
}

/** Runs everything that does not wait for a timer. */
export async function flushPromises(): Promise<void> {
  for (let i = 0; i < 60; i++) await Promise.resolve();
}

export class FakeConnectivity implements Connectivity {
  isOnline = true;
  readonly events = new Emitter();
  listeners = 0;
  readonly online = () => this.isOnline;
  readonly subscribe = (woken: () => void) => {
    const off = this.events.subscribe(woken);
    this.listeners++;
    return () => {
      this.listeners--;
      off();
    };
  };
}

/** The tabs of one client. Each tab() is another one. The first that calls lead leads until it closes. */
export class FakeTabs {
  readonly #tabs: { listeners: Set<(event: TabEvent) => void>; lead: () => void; led: Promise<void> }[] = [];
  readonly #queue: (() => void)[] = [];
  readonly posted: TabEvent[] = [];

  tab(): Tabs {
    const listeners = new Set<(event: TabEvent) => void>();
    let lead = () => {};
    const led = new Promise<void>((resolve) => (lead = resolve));
    const me = { listeners, lead, led };
    this.#tabs.push(me);
    return {
      lead: () => {
        this.#queue.push(lead);
        if (this.#queue.length === 1) lead();
        return led;
      },
      post: (event) => {
        this.posted.push(event);
        const others = this.#tabs.filter((t) => t !== me).flatMap((t) => [...t.listeners]);
        void Promise.resolve().then(() => others.forEach((listener) => listener(structuredClone(event))));
      },
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      close: () => {
        listeners.clear();
        const at = this.#queue.indexOf(lead);
        if (at >= 0) this.#queue.splice(at, 1);
        if (at === 0) this.#queue[0]?.();
      },
    };
  }
}

interface Reader {
  /** The cursors of the rooms that it reads. */
  readonly rooms: Map<string, number>;
  readonly received: (m: Message) => void;
  readonly reset: (room: string) => void;
  readonly end: () => void;
}

/** A server in memory: `fetch` is its HTTP API, `dial` its hub. It answers nothing while it is down. */
export class FakeServer {
  up = true;
  /** The tokens that it accepts; null if it needs no token. */
  tokens: Set<string> | null = null;
  /** Rooms that no client may read or write. */
  readonly forbidden = new Set<string>();
  readonly logs = new Map<string, Message[]>();
  oldest = 1;
  /** The present epoch. A server of an earlier version has none. */
  epoch: string | undefined;
  /** The numbers with which the rooms began the present epoch. */
  readonly #begun = new Map<string, number>();
  /** The requests so far, such as "POST /rooms/a/messages" and "join a 7". */
  readonly asked: string[] = [];
  /** Called before a request or a join is answered. */
  before: (what: string) => Promise<void> = async () => {};
  /** Called after a request has taken effect, before it is answered. */
  after: (what: string) => Promise<void> = async () => {};
  readonly #readers = new Set<Reader>();

  log(room: string): Message[] {
    const log = this.logs.get(room) ?? [];
    this.logs.set(room, log);
    return log;
  }

  /** Stores a message, once per id and client, and delivers it. */
  store(room: string, msg: string, id = `id-${room}-${this.log(room).length + 1}`, client_id = "bob"): void {
    const log = this.log(room);
    if (log.some((m) => m.id === id && m.client_id === client_id)) return;
    log.push(message(log.length + 1, { room, id, msg, client_id, sent_at: new Date().toISOString() }));
    for (const reader of this.#readers) this.#deliver(reader, room);
  }

  /** Loses the messages of a room after a number, begins another epoch if it tells epochs, and ends all connections. */
  goBack(room: string, to: number, epoch: string | undefined): void {
    this.epoch = epoch;
    this.log(room).splice(to);
    for (const [name, log] of this.logs) this.#begun.set(name, log.length);
    this.cut();
  }

  /** Removes the messages before a number, and tells the readers that have not reached it. */
  raise(room: string, oldest: number): void {
    this.oldest = oldest;
    for (const reader of this.#readers) if ((reader.rooms.get(room) ?? Infinity) < oldest - 1) reader.reset(room);
  }

  /** Returns what the answers to a cursor tell about the epoch. */
  #told(room: string, cursor?: Cursor): Pick<Joined, "epoch" | "reset"> {
    if (this.epoch === undefined) return {};
    if (typeof cursor !== "object") return { epoch: this.epoch };
    const { after, epoch } = cursor;
    const goesOn = Math.max(
      epoch === this.epoch ? after : Math.min(after, this.#begun.get(room) ?? 0),
      this.oldest - 1,
    );
    const reset: Reset = { room, reason: epoch === this.epoch ? "floor" : "epoch", after: goesOn };
    return epoch === this.epoch && goesOn === after ? { epoch: this.epoch } : { epoch: this.epoch, reset };
  }

  /** Ends all connections. */
  cut(): void {
    for (const reader of [...this.#readers]) reader.end();
  }

  readonly fetch = async (input: string, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input);
    const what = `${init.method ?? "GET"} ${url.pathname}${url.search}`;
    this.asked.push(what);
    await this.before(what);
    if (!this.up) throw new TypeError("Failed to fetch");
    const answer = this.#answer(url, init);
    await this.after(what);
    if (!this.up) throw new TypeError("Failed to fetch");
    return answer;
  };

  #answer(url: URL, init: RequestInit): Response {
    const token = new Headers(init.headers).get("Authorization")?.slice("Bearer ".length);
    if (this.tokens !== null && !this.tokens.has(token ?? ""))
      return problem(401, "unauthenticated", "the token is not valid");
    const [, , room = "", kind] = url.pathname.split("/");
    if (this.forbidden.has(room)) return problem(403, "forbidden", "not for you");
    if (kind === undefined)
      return Response.json({
        rooms: [...this.logs]
          .filter(([, log]) => log.length > 0)
          .map(([name, log]) => ({ name, last_seq: log.length })),
      });
    if (init.method === "POST") return this.#post(room, String(init.body));
    const before = Number(url.searchParams.get("before") ?? Infinity);
    const limit = Number(url.searchParams.get("limit"));
    const after = url.searchParams.get("after");
    const found = this.log(room).filter((m) => m.seq >= this.oldest && m.seq < before && m.seq > Number(after ?? -1));
    const page = after === null ? found.slice(-limit) : found.slice(0, limit);
    return Response.json({
      messages: page,
      last_seq: this.log(room).length,
      oldest_seq: this.oldest,
      epoch: this.epoch,
    });
  }

  #post(room: string, body: string): Response {
    const { id, msg, client_id } = JSON.parse(body) as { id: string; msg: string; client_id: string };
    if (msg.includes("refuse"))
      return problem(422, "invalid", "the request has faults", [{ field: "msg", message: "is not liked" }]);
    this.store(room, msg, id, client_id);
    return Response.json({ id, room, client_id, msg, sent_at: new Date().toISOString() }, { status: 202 });
  }

  readonly dial = async ({ received, reset }: Pick<Reader, "received" | "reset">): Promise<Hub> => {
    this.asked.push("dial");
    if (!this.up) throw new Error("no connection");
    let end = () => {};
    const closed = new Promise<void>((resolve) => (end = resolve));
    const reader: Reader = {
      rooms: new Map<string, number>(),
      received,
      reset,
      end: () => (this.#readers.delete(reader), end()),
    };
    this.#readers.add(reader);
    const live = () => {
      if (!this.#readers.has(reader)) throw new Error("the connection is closed");
    };
    return {
      closed,
      stop: async () => reader.end(),
      ping: async () => undefined,
      leave: async (room) => (live(), void reader.rooms.delete(room)),
      join: async (room, cursor) => {
        live();
        const after = typeof cursor === "object" ? cursor.after : cursor;
        const what = [
          "join",
          room,
          ...(after === undefined ? [] : [after]),
          ...(typeof cursor === "object" ? [cursor.epoch] : []),
        ].join(" ");
        this.asked.push(what);
        await this.before(what);
        live();
        if (this.forbidden.has(room)) throw new Failure("rejected", "not for you");
        const last_seq = this.log(room).length;
        const told = this.#told(room, cursor);
        reader.rooms.set(room, told.reset?.after ?? after ?? last_seq);
        void Promise.resolve().then(() => this.#deliver(reader, room));
        return { last_seq, oldest_seq: last_seq === 0 || this.oldest > last_seq ? 0 : this.oldest, ...told };
      },
    };
  };

  #deliver(reader: Reader, room: string): void {
    const cursor = reader.rooms.get(room);
    if (cursor === undefined) return;
    const log = this.log(room);
    reader.rooms.set(room, log.length);
    for (const m of log.slice(Math.max(cursor, this.oldest - 1))) reader.received(m);
  }
}

export function problem(
  status: number,
  code: string,
  detail: string,
  errors?: unknown,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ status, code, detail, errors }, { status, headers });
}

/** Makes a token without a valid signature. The app does not check signatures. */
export function tokenOf(claims: Record<string, unknown>): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
}
