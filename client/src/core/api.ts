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

const timeout = 15_000;
/** The longest wait, in seconds, that the server may ask for. A longer one is cut to this. */
const longestWait = 300;

/** The part of a server's HTTP API that the app uses, see docs/api/http.md. Every method rejects with a Failure. */
export class Api {
  readonly #server: string;
  readonly #token: () => string | undefined;

  constructor(server: string, token: () => string | undefined) {
    this.#server = server;
    this.#token = token;
  }

  /** Posts a message. Resolves with the server's time of acceptance. Posting the same id with the same text again adds nothing. */
  async send(outgoing: Outgoing, client: string): Promise<string> {
    const body = { id: outgoing.id, msg: outgoing.msg, client_id: client };
    const isReceipt = (answer: unknown): answer is { sent_at: string } =>
      isRecord(answer) && answer.id === outgoing.id && typeof answer.sent_at === "string";
    const init = { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    return (await this.#ask(`/rooms/${outgoing.room}/messages`, isReceipt, init)).sent_at;
  }

  /** Returns the page before a number, or the newest page. */
  page(room: string, limit: number, before?: number): Promise<Page> {
    const query = before === undefined ? "" : `&before=${before}`;
    return this.#ask(`/rooms/${room}/messages?limit=${limit}${query}`, isPage);
  }

  /** Returns the rooms that the client may read, sorted by name, at most limit. */
  async rooms(limit: number): Promise<readonly Entry[]> {
    return (await this.#ask(`/rooms?limit=${limit}`, isDirectory)).rooms;
  }

  /** Resolves with the server's answer. An answer of another form comes from a portal or a proxy, and counts as unreachable. */
  async #ask<T>(
    path: string,
    isAnswer: (answer: unknown) => answer is T,
    init: RequestInit & { headers?: Record<string, string> } = {},
  ): Promise<T> {
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
        credentials: "omit",
      });
      if (!response.ok) throw await refusal(response);
      const answer: unknown = await response.json();
      if (!isAnswer(answer)) throw new Failure("unreachable", "this is no answer of a Restante server");
      return answer;
    } catch (error) {
      throw Failure.of(error);
    } finally {
      clearTimeout(timer);
    }
  }
}

function isPage(answer: unknown): answer is Page {
  return (
    isRecord(answer) &&
    Array.isArray(answer.messages) &&
    typeof answer.last_seq === "number" &&
    typeof answer.oldest_seq === "number"
  );
}

function isDirectory(answer: unknown): answer is { rooms: readonly Entry[] } {
  return isRecord(answer) && Array.isArray(answer.rooms);
}

/** Turns a status other than 2xx into a Failure. Only an answer with a code is from the server and can be final: a proxy may answer anything. */
async function refusal(response: Response): Promise<Failure> {
  const problem: unknown = await response.json().catch(() => null);
  const { status } = response;
  const text = reason(problem) ?? `status ${status}`;
  const own = isRecord(problem) && typeof problem.code === "string";
  if (own && status === 401) return new Failure("unauthenticated", text);
  if (own && problem.code === "conflict") return new Failure("conflict", text);
  if (own && status < 500 && status !== 408 && status !== 429) return new Failure("rejected", text);
  const seconds = Number(response.headers.get("Retry-After"));
  return new Failure("later", text, 1000 * Math.min(longestWait, Math.max(0, seconds || 0)));
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
