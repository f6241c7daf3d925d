import { Failure } from "./failure";
import type { Fault, PageQuery, Posted, Refusal, Rights } from "./fakes.rules";
import { forbidden, invalid, pageQueryOf, postedOf, rightsOf, roomForm, roomsQueryOf } from "./fakes.rules";
import type { Cursor, Hub, HubOptions, Joined, Reset } from "./hub";
import { byteLength, roomPattern, type Message } from "./message";

/** What a connection to the hub needs. Without a token function there is no token. */
type Caller = Pick<HubOptions, "received" | "reset"> & Partial<Pick<HubOptions, "client" | "token">>;

interface Reader {
  /** The cursors of the rooms that it reads. */
  readonly rooms: Map<string, number>;
  readonly received: (m: Message) => void;
  readonly reset: (room: string) => void;
  readonly end: () => void;
}

/** The bytes of text in a page. */
const longestTexts = 1024 * 1024;
/** What a page tells of the epoch, and after which number it goes on. */
type Told = Pick<Joined, "epoch"> & { readonly reset?: Reset; readonly after: number };

/** What the server answers at other paths than those of rooms. */
const others: Readonly<Record<string, () => Response>> = {
  "/version": () => Response.json({ version: "1.2.3" }),
};

/**
 * The server of the tests, in memory: `fetch` is its HTTP API, `dial` its hub. It accepts, stores, delivers and refuses as the real one
 * does; fakes.contract.ts holds both to the same answers. Ids need not be UUIDs unless `anyID` is false.
 */
export class FakeServer {
  /** Whether it answers at all. */
  up = true;
  /** The status of all answers, such as that of a proxy in front of it; 0 for its own. */
  status = 0;
  /** The tokens that it accepts; null if it needs no token. */
  tokens: Set<string> | null = null;
  /** Rooms that no client may read or write. */
  readonly forbidden = new Set<string>();
  /** Whether ids may be other texts than UUIDs. */
  anyID = true;
  /** How long after its acceptance a posted message is stored and delivered, in milliseconds, as on many machines; 0 for before it. */
  lag = 0;
  /** How many rooms a connection may have joined. */
  mostJoined = 200;
  readonly logs = new Map<string, Message[]>();
  oldest = 1;
  /** The present epoch. A server of an earlier version has none. */
  epoch: string | undefined;
  /** The numbers with which the rooms began the present epoch. */
  readonly #begun = new Map<string, number>();
  /** The requests so far, such as "POST /rooms/a/messages" and "join a 7". */
  readonly asked: string[] = [];
  /** The messages that were posted and accepted, repeats included. */
  readonly posted: Posted[] = [];
  /** Called before a request or a join is answered. */
  before: (what: string) => Promise<void> = async () => {};
  /** Called after a request has taken effect, before it is answered. */
  after: (what: string) => Promise<void> = async () => {};
  /** Returns why a message is refused that the real server would accept; null to accept it. */
  refuses: (posted: Posted) => Fault | null = ({ msg }) =>
    msg.includes("refuse") ? { field: "msg", message: "is not liked" } : null;
  readonly #readers = new Set<Reader>();

  log(room: string): Message[] {
    const log = this.logs.get(room) ?? [];
    this.logs.set(room, log);
    return log;
  }

  /** Stores a message that was accepted at a time, once per id and client, and delivers it. */
  store(
    room: string,
    msg: string,
    id = `id-${room}-${this.log(room).length + 1}`,
    client_id = "bob",
    at = new Date(),
  ): void {
    const log = this.log(room);
    if (log.some((m) => m.id === id && m.client_id === client_id)) return;
    const seq = log.length + 1;
    const stored_at = new Date(Date.UTC(2026, 0, 1) + seq * 1000).toISOString();
    log.push({ kind: "message", id, room, seq, client_id, msg, sent_at: at.toISOString(), stored_at });
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
    const answer =
      this.status === 0
        ? (others[url.pathname]?.() ?? this.#answer(url, init))
        : problem(this.status, "any", "not now");
    await this.after(what);
    if (!this.up) throw new TypeError("Failed to fetch");
    return answer;
  };

  #answer(url: URL, init: RequestInit): Response {
    const rights = this.#rights(new Headers(init.headers).get("Authorization")?.slice("Bearer ".length));
    const [, rooms, encoded = "", kind, ...more] = url.pathname.split("/");
    const room = decodeURIComponent(encoded);
    if (
      rooms !== "rooms" ||
      (kind !== undefined && kind !== "messages") ||
      more.length > 0 ||
      (room === "") === (kind !== undefined)
    )
      return answerOf({ status: 404, code: "not_found", detail: "there is nothing at this path" });
    const method = init.method ?? "GET";
    if (method !== "GET" && (method !== "POST" || kind === undefined))
      return answerOf({ status: 405, code: "method_not_allowed", detail: "this path does not have that method" });
    if ("status" in rights) return answerOf(rights);
    if (method === "POST") return this.#post(room, String(init.body), rights);
    return kind === undefined ? this.#list(url.searchParams, rights) : this.#page(room, url.searchParams, rights);
  }

  /** Returns the rights of a token. A room that is forbidden to all is as one that the token is not for. */
  #rights(token: string | undefined): Rights | Refusal {
    const rights = rightsOf(token, this.tokens);
    if ("status" in rights) return rights;
    return { ...rights, mayUse: (room) => rights.mayUse(room) && !this.forbidden.has(room) };
  }

  #post(room: string, body: string, rights: Rights): Response {
    const posted = postedOf(room, body, rights, this.anyID);
    if ("status" in posted) return answerOf(posted);
    const { id, msg, client_id } = posted;
    const disliked = this.refuses(posted);
    if (disliked !== null) return answerOf(invalid(disliked));
    const kept = this.log(room).find((m) => m.id === id && m.client_id === client_id);
    if (kept !== undefined && kept.msg !== msg)
      return answerOf({
        status: 409,
        code: "conflict",
        detail: "this sender has used the id for another text in the room",
      });
    this.posted.push(posted);
    if (this.lag === 0) this.store(room, msg, id, client_id);
    else setTimeout(() => this.store(room, msg, id, client_id), this.lag);
    return json(202, { id, room, client_id, sent_at: new Date().toISOString() });
  }

  #list(query: URLSearchParams, rights: Rights): Response {
    const wanted = roomsQueryOf(query);
    if ("status" in wanted) return answerOf(wanted);
    const entries = [...this.logs]
      .filter(([name, log]) => log.length > 0 && rights.mayUse(name))
      .map(([name, log]) => ({
        name,
        last_seq: log.length,
        oldest_seq: this.#oldest(log),
        last_stored_at: log.at(-1)?.stored_at,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const epoch = this.#told();
    if (wanted.names !== null)
      return json(200, { rooms: entries.filter(({ name }) => wanted.names.includes(name)), ...epoch });
    const { prefix, after, limit } = wanted;
    const found = entries.filter(({ name }) => name.startsWith(prefix) && name > after);
    const rooms = found.slice(0, limit);
    const goesOn = prefix === "" ? rooms.length === limit : found.length > limit;
    const following = new URLSearchParams({ after: rooms.at(-1)?.name ?? "", limit: String(limit) });
    if (prefix !== "") following.set("prefix", prefix);
    return json(200, { rooms, ...epoch, ...(goesOn ? { next: `/rooms?${following.toString()}` } : {}) });
  }

  #page(room: string, query: URLSearchParams, rights: Rights): Response {
    const wanted = pageQueryOf(query);
    if (!roomPattern.test(room)) return answerOf(invalid({ field: "room", message: roomForm }));
    if ("status" in wanted) return answerOf(wanted);
    if (!rights.mayUse(room)) return answerOf(forbidden);
    const log = this.log(room);
    const numbers = { last_seq: log.length, oldest_seq: this.#oldest(log) };
    const kept = log.filter((m) => m.seq >= this.oldest);
    if (wanted.after !== null) {
      const told = this.#resume(
        room,
        wanted.epoch === null ? wanted.after : { after: wanted.after, epoch: wanted.epoch },
      );
      if ("status" in told) return answerOf(told);
      const { after, ...rest } = told;
      const messages = fitting(kept.filter((m) => m.seq > after).slice(0, wanted.limit));
      const next = messages.length > 0 && (messages.at(-1)?.seq ?? 0) < log.length ? { next: "more" } : {};
      return json(200, { messages: messages.map(wire), ...numbers, ...rest, ...next });
    }
    const before = this.#beforeOf(wanted);
    const messages = fitting(
      kept
        .filter((m) => m.seq < before)
        .slice(-wanted.limit)
        .reverse(),
    ).reverse();
    const next = (messages[0]?.seq ?? 0) > this.oldest ? { next: "more" } : {};
    return json(200, { messages: messages.map(wire), ...numbers, ...this.#told(), ...next });
  }

  /** Returns before which number a page ends. A number of another epoch is as none. */
  #beforeOf({ before, epoch }: PageQuery): number {
    return before === null || (epoch !== null && epoch !== this.epoch) ? Infinity : before;
  }

  #oldest(log: readonly Message[]): number {
    return log.length === 0 || this.oldest > log.length ? 0 : this.oldest;
  }

  #told(): Pick<Joined, "epoch"> {
    return this.epoch === undefined ? {} : { epoch: this.epoch };
  }

  /** Returns after which number reading goes on at a cursor, and what is told of that. */
  #resume(room: string, cursor: Cursor): Told | Refusal {
    const { after, epoch } = typeof cursor === "object" ? cursor : { after: cursor, epoch: this.epoch };
    const last = this.log(room).length;
    if (this.epoch === undefined) return { after };
    if (epoch === this.epoch && after > last)
      return invalid({ field: "after", message: `is beyond the end of the room, which is ${last}` });
    const kept = epoch === this.epoch ? after : Math.min(after, this.#begun.get(room) ?? 0);
    const goesOn = last === 0 ? kept : Math.max(kept, this.oldest - 1);
    if (epoch === this.epoch && goesOn === after) return { epoch: this.epoch, after };
    const reason = epoch === this.epoch ? "floor" : "epoch";
    return { epoch: this.epoch, reset: { room, reason, after: goesOn }, after: goesOn };
  }

  /** Opens a connection. It rejects as the browser does for a connection that the server refuses. */
  readonly dial = async ({ received, reset, token, client }: Caller): Promise<Hub> => {
    this.asked.push("dial");
    const rights = this.#rights(token?.());
    if (!this.up || this.status !== 0 || "status" in rights) throw new Error("no connection");
    if (rights.sub !== null && client !== undefined && client !== rights.sub) throw new Error("no connection");
    let end = () => {};
    const closed = new Promise<void>((resolve) => (end = resolve));
    const reader: Reader = { rooms: new Map(), received, reset, end: () => (this.#readers.delete(reader), end()) };
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
        const place = typeof cursor === "object" ? [cursor.after, cursor.epoch] : cursor === undefined ? [] : [cursor];
        const what = ["join", room, ...place].join(" ");
        this.asked.push(what);
        await this.before(what);
        live();
        return this.#join(reader, room, cursor, rights);
      },
    };
  };

  #join(reader: Reader, room: string, cursor: Cursor | undefined, rights: Rights): Joined {
    if (!roomPattern.test(room)) throw failureOf(invalid({ field: "room", message: roomForm }));
    if (!rights.mayUse(room)) throw failureOf(forbidden);
    if (!reader.rooms.has(room) && reader.rooms.size >= this.mostJoined)
      throw failureOf({
        status: 429,
        code: "too_many",
        detail: `a connection may have joined ${this.mostJoined} rooms at a time`,
      });
    const last_seq = this.log(room).length;
    const told = cursor === undefined ? { ...this.#told(), after: last_seq } : this.#resume(room, cursor);
    if ("status" in told) throw failureOf(told);
    const { after, ...rest } = told;
    reader.rooms.set(room, after);
    void Promise.resolve().then(() => this.#deliver(reader, room));
    return { last_seq, oldest_seq: this.#oldest(this.log(room)), ...rest };
  }

  #deliver(reader: Reader, room: string): void {
    const cursor = reader.rooms.get(room);
    if (cursor === undefined) return;
    const log = this.log(room);
    reader.rooms.set(room, log.length);
    for (const m of log.slice(Math.max(cursor, this.oldest - 1))) reader.received(m);
  }
}

/** Returns the first messages whose texts fit into a page, at least one. */
function fitting(messages: readonly Message[]): Message[] {
  let bytes = 0;
  const end = messages.findIndex((m, i) => (bytes += byteLength(m.msg)) > longestTexts && i > 0);
  return messages.slice(0, end < 0 ? messages.length : end);
}

/** Returns a message as it is sent: its kind is the app's own. */
function wire({ id, room, seq, client_id, msg, sent_at, stored_at }: Message) {
  return { id, room, seq, client_id, msg, sent_at, stored_at };
}

/** Returns what a refused call fails with, see hub.ts. */
function failureOf({ code, detail, errors }: Refusal): Failure {
  return new Failure("rejected", errors?.[0]?.message ?? detail, 1000, code);
}

function answerOf({ status, code, detail, errors }: Refusal): Response {
  return problem(status, code, detail, errors);
}

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
}

/** Returns an answer with a problem document. */
export function problem(
  status: number,
  code: string,
  detail: string,
  errors?: unknown,
  headers: Record<string, string> = {},
): Response {
  return json(status, { status, code, detail, errors }, { "Content-Type": "application/problem+json", ...headers });
}
