import assert from "node:assert/strict";

import { Failure } from "./failure";
import type { Hub } from "./hub";
import { isRecord, type Message } from "./message";

// What the cases of the contract (fakes.contract.ts) use.

/** The claims of a token that a server of the contract accepts. */
export interface Claims {
  readonly sub: string;
  readonly rooms: readonly string[];
  readonly publish?: boolean;
}

/** A server that is held to the contract. It wants tokens, and lets a connection join three rooms. */
export interface Subject {
  fetch(path: string, init?: RequestInit): Promise<Response>;
  dial(client: string, token: string | undefined, received: (m: Message) => void): Promise<Hub>;
  /** Makes a valid token. */
  token(claims: Claims): Promise<string>;
}

export interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly body: Record<string, unknown>;
}

/** What the cases use: a server, and a client with a token for all rooms. */
export interface Bench {
  readonly subject: Subject;
  readonly ann: string;
  ask(path: string, token?: string | null, init?: RequestInit): Promise<Answer>;
  post(room: string, body: unknown, token?: string | null): Promise<Answer>;
  /** Posts texts one after the other, and waits until the room has them. */
  fill(room: string, texts: readonly string[]): Promise<void>;
}

export async function benchOf(subject: Subject): Promise<Bench> {
  const ann = await subject.token({ sub: "ann", rooms: ["*"] });
  const ask: Bench["ask"] = async (path, token = ann, init = {}) => {
    const headers = { ...(init.headers as Record<string, string> | undefined) };
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    const response = await subject.fetch(path, { ...init, headers });
    const body: unknown = JSON.parse(await response.text()); // by the test's own JSON: its arrays are equal to the test's
    assert(isRecord(body), `${path} is answered with an object`);
    return { status: response.status, type: response.headers.get("Content-Type"), body };
  };
  const post: Bench["post"] = (room, body, token) =>
    ask(`/rooms/${room}/messages`, token, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "Content-Type": "application/json" },
    });
  const fill: Bench["fill"] = async (room, texts) => {
    const last = async () => Number((await ask(`/rooms/${room}/messages?limit=1`)).body.last_seq);
    const end = (await last()) + texts.length;
    for (const msg of texts) assert.equal((await post(room, { id: crypto.randomUUID(), msg })).status, 202);
    await until(async () => (await last()) >= end);
  };
  return { subject, ann, ask, post, fill };
}

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await holds())) {
    assert(Date.now() < end, "the server takes too long");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Asserts that an answer is a problem document with a status, a code, and faults of these fields. */
export function isProblem(answer: Answer, status: number, code: string, fields: readonly string[] | null = null): void {
  assert.deepEqual(
    [answer.status, answer.body.code, answer.body.status],
    [status, code, status],
    JSON.stringify(answer),
  );
  assert.equal(answer.type, "application/problem+json");
  assert(typeof answer.body.detail === "string" && answer.body.detail !== "");
  if (fields === null) return;
  const errors = answer.body.errors;
  assert(
    Array.isArray(errors) && errors.every((e) => isRecord(e) && typeof e.message === "string" && e.message !== ""),
  );
  assert.deepEqual([...new Set(errors.filter(isRecord).map((e) => e.field))], fields, JSON.stringify(answer.body));
}

export async function failure(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => assert.fail("the call has succeeded"),
    (e: unknown) => e,
  );
  assert(error instanceof Failure && error.message !== "", String(error));
  return `${error.trouble} ${error.code}`;
}

export const isTime = (value: unknown) => typeof value === "string" && /^\d{4}-\d\d-\d\dT.*Z$/.test(value);
export const seqs = (answer: Answer) => messagesOf(answer).map((m) => m.seq);
export const namesOf = (answer: Answer) => {
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert(Array.isArray(answer.body.rooms));
  return answer.body.rooms.filter(isRecord).map((entry) => entry.name);
};

export function messagesOf(answer: Answer): Record<string, unknown>[] {
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert(Array.isArray(answer.body.messages));
  return answer.body.messages.filter(isRecord);
}

/** A connection and what it has received. */
export async function connected({ subject, ann }: Bench, client = "ann", token = ann) {
  const received: Message[] = [];
  const hub = await subject.dial(client, token, (m) => received.push(m));
  return { hub, received, seqs: () => received.map((m) => m.seq) };
}
