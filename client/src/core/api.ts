import { acceptedOf, entriesOf, pageOf } from "./door";
import type { EventRing } from "./events";
import { Failure } from "./failure";
import { isRecord, type Message, type Outgoing } from "./message";

/** A page of a room's log, ascending. */
export interface Page {
  readonly messages: readonly Message[];
  readonly last_seq: number;
  readonly oldest_seq: number;
  /** The epoch that the numbers are of. A server that knows no epochs tells none. */
  readonly epoch?: string;
}

/** A room of the server. */
export interface Entry {
  readonly name: string;
  readonly last_seq: number;
  readonly last_stored_at?: string;
}

/** The rooms that were found, and whether there are no more. */
export interface Found {
  readonly rooms: readonly Entry[];
  readonly complete: boolean;
}

/** A list of rooms as the server answers it. */
export interface Entries extends Found {
  readonly epoch: string | undefined;
  /** How many rooms were left out because they cannot be read. */
  readonly malformed: number;
}

/** The numbers of some rooms. */
export interface Numbers {
  readonly rooms: readonly Entry[];
  /** The epoch that the numbers are of. */
  readonly epoch: string | undefined;
  readonly known: boolean;
}

const timeout = 15_000;
/** The longest wait, in seconds, that the server may ask for. A longer one is cut to this. */
const longestWait = 300;
/** The wait before a page that cannot be read is asked for again, in milliseconds. */
const malformedWait = 30_000;

/** The part of a server's HTTP API that the app uses, see docs/api/http.md. Every method rejects with a Failure. */
export class Api {
  readonly #server: string;
  readonly #token: () => string | undefined;
  readonly #events: Pick<EventRing, "note">;

  constructor(server: string, token: () => string | undefined, events: Pick<EventRing, "note">) {
    this.#server = server;
    this.#token = token;
    this.#events = events;
  }

  /** Posts a message. Resolves with the server's time of acceptance. Posting the same id with the same text again adds nothing. */
  async send(outgoing: Outgoing, client: string): Promise<string> {
    const body = { id: outgoing.id, msg: outgoing.msg, client_id: client };
    const init = { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    const answer = await this.#ask(`/rooms/${outgoing.room}/messages`, init);
    return acceptedOf(answer, outgoing.id) ?? this.#foreign("receipt");
  }

  /** Returns the page before a number, or the newest page. */
  page(room: string, limit: number, before?: number): Promise<Page> {
    return this.#page(room, before === undefined ? `limit=${limit}` : `limit=${limit}&before=${before}`);
  }

  /** Returns the page after a number. */
  newer(room: string, limit: number, after: number): Promise<Page> {
    return this.#page(room, `limit=${limit}&after=${after}`);
  }

  /** Returns the version of the server, as it names it. */
  async version(): Promise<string> {
    const answer = await this.#ask("/version");
    if (!isRecord(answer) || typeof answer.version !== "string") return this.#foreign("version");
    return answer.version;
  }

  /** Returns the rooms that the client may read, sorted by name, at most limit. */
  async rooms(limit: number): Promise<readonly Entry[]> {
    return (await this.#list(`limit=${limit}`)).rooms;
  }

  /**
   * Returns up to limit rooms that the client may read and whose names begin with a text, sorted by name. A server of an earlier version
   * lists all rooms instead.
   */
  async search(prefix: string, limit: number): Promise<Found> {
    const query = new URLSearchParams({ prefix, limit: String(limit) });
    const found = await this.#list(query.toString());
    const fits = ({ name }: Entry) => name.startsWith(prefix);
    if (found.rooms.every(fits)) return { rooms: found.rooms, complete: found.complete };
    const all = await this.#list("limit=500");
    return { rooms: all.rooms.filter(fits), complete: all.complete };
  }

  /** Returns those of up to 200 rooms that have messages. `known` is false if the server is of an earlier version, which does not find rooms by name. */
  async named(names: readonly string[]): Promise<Numbers> {
    const query = names.map((name) => `name=${name}`).join("&");
    const { rooms, epoch } = await this.#list(query);
    const asked = new Set(names);
    return { rooms, epoch, known: rooms.every(({ name }) => asked.has(name)) };
  }

  async #page(room: string, query: string): Promise<Page> {
    const answer = await this.#ask(`/rooms/${room}/messages?${query}`);
    if (!isRecord(answer) || !Array.isArray(answer.messages)) return this.#foreign("page");
    const page = pageOf(answer, room);
    if (page !== null) return page;
    this.#events.note("malformed", { what: "page" });
    throw new Failure("later", "the server's page of the room cannot be read", malformedWait, "unreadable");
  }

  async #list(query: string): Promise<Entries> {
    const read = entriesOf(await this.#ask(`/rooms?${query}`));
    if (read === null) return this.#foreign("rooms");
    if (read.malformed > 0) this.#events.note("malformed", { what: "rooms", count: read.malformed });
    return read;
  }

  /** Refuses an answer of another form. It comes from a portal or a proxy, and counts as unreachable. */
  #foreign(what: string): never {
    this.#events.note("malformed", { what });
    throw new Failure("unreachable", "this is no answer of a Restante server");
  }

  /** Resolves with the server's answer, of any form. */
  async #ask(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<unknown> {
    const token = this.#token();
    const headers = { ...init.headers, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) };
    const ended = new AbortController();
    const timer = setTimeout(() => ended.abort(), timeout);
    try {
      const response = await fetch(this.#server + path, {
        ...init,
        headers,
        signal: ended.signal,
        cache: "no-store",
        redirect: "error", // the server never redirects, and another place may be without encryption
        credentials: "omit",
      });
      if (!response.ok) throw await refusal(response);
      const answer: unknown = await response.json();
      return answer;
    } catch (error) {
      throw Failure.of(error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Turns a status other than 2xx into a Failure. Only an answer with a code is from the server and can be final: a proxy may answer anything. */
async function refusal(response: Response): Promise<Failure> {
  const problem: unknown = await response.json().catch(() => null);
  const { status } = response;
  const text = reason(problem) ?? `status ${status}`;
  const code = isRecord(problem) && typeof problem.code === "string" ? problem.code : undefined;
  const own = code !== undefined;
  if (own && status === 401) return new Failure("unauthenticated", text, 0, code);
  if (code === "conflict") return new Failure("conflict", text, 0, code);
  if (own && status < 500 && status !== 408 && status !== 429) return new Failure("rejected", text, 0, code);
  const seconds = Number(response.headers.get("Retry-After"));
  return new Failure("later", text, 1000 * Math.min(longestWait, Math.max(0, seconds || 0)), code);
}

/** Returns the text of a problem document: its faults by field, or its detail. */
function reason(problem: unknown): string | undefined {
  if (!isRecord(problem)) return undefined;
  const faults = Array.isArray(problem.errors)
    ? problem.errors.filter(isRecord).map((e) => `${String(e.field)} ${String(e.message)}`)
    : [];
  if (faults.length > 0) return faults.join("; ");
  return typeof problem.detail === "string" && problem.detail !== "" ? problem.detail : undefined;
}
