import { trimName, isName } from "./identity";
import { byteLength, isRecord, maxBytes, roomPattern } from "./message";

// The rules of the server's API that the fake server follows. The contract suite (fakes.contract.ts) holds them to the real server's.

/** One fault of a request. */
export interface Fault {
  readonly field: string;
  readonly message: string;
}

/** A refusal: the status, the code and the text of the problem document. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly Fault[];
}

/** What the holder of a token may do. */
export interface Rights {
  /** Whose messages may be sent; null for anybody's. */
  readonly sub: string | null;
  readonly publish: boolean;
  mayUse(room: string): boolean;
}

export const roomForm = "must be 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit";
const longestBody = 256 * 1024;
const mostNames = 200;
const longestPage = 500;

export const invalid = (...errors: readonly Fault[]): Refusal => ({
  status: 422,
  code: "invalid",
  detail: "the request has faults",
  errors,
});

export const forbidden: Refusal = { status: 403, code: "forbidden", detail: "not for you" };

/** Returns the rights of a token, or a refusal. Tokens of the tests may leave out rooms, and are for all rooms then. */
export function rightsOf(token: string | undefined, accepted: ReadonlySet<string> | null): Rights | Refusal {
  const everything: Rights = { sub: null, publish: true, mayUse: () => true };
  if (accepted === null) return everything;
  const refused = (detail: string): Refusal => ({ status: 401, code: "unauthenticated", detail });
  if (token === undefined) return refused("a token is needed");
  const claims = payloadOf(token);
  if (typeof claims.exp === "number" && claims.exp * 1000 <= Date.now()) return refused("the token has expired");
  if (!accepted.has(token)) return refused("the token is not valid");
  const { sub, rooms, publish } = claims;
  return {
    sub: typeof sub === "string" ? sub : null,
    publish: publish !== false,
    mayUse: (room) => !Array.isArray(rooms) || rooms.some((pattern) => matches(String(pattern), room)),
  };
}

function payloadOf(token: string): Record<string, unknown> {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    return isRecord(claims) ? claims : {};
  } catch {
    return {};
  }
}

function matches(pattern: string, room: string): boolean {
  return pattern.endsWith("*") ? room.startsWith(pattern.slice(0, -1)) : room === pattern;
}

/** A message that is to be stored. */
export interface Posted {
  readonly id: string;
  readonly room: string;
  readonly client_id: string;
  readonly msg: string;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Reads the body of a POST to a room, or returns why it is refused. Where anyID is true an id need not be a UUID. */
export function postedOf(room: string, body: string, rights: Rights, anyID: boolean): Posted | Refusal {
  const fields = fieldsOf(body);
  if ("status" in fields) return fields;
  const named = trimName(fields.client_id);
  const client_id = named === "" ? (rights.sub ?? "") : named;
  if (!rights.mayUse(room)) return forbidden;
  if (!rights.publish) return { ...forbidden, detail: "the token is for reading only" };
  if (rights.sub !== null && client_id !== rights.sub)
    return { ...forbidden, detail: "the token is for another client" };
  const id = fields.id === "" ? crypto.randomUUID() : fields.id;
  const posted = { id: anyID ? id : id.toLowerCase(), room, client_id, msg: fields.msg };
  const faults = faultsOf(posted, anyID);
  return faults.length > 0 ? invalid(...faults) : posted;
}

/** Reads the fields of a message from a body, absent ones as empty texts, or returns why it is refused. */
function fieldsOf(body: string): Pick<Posted, "id" | "client_id" | "msg"> | Refusal {
  if (byteLength(body) > longestBody)
    return {
      ...invalid({ field: "body", message: "must be at most 262144 bytes long" }),
      status: 413,
      code: "too_large",
    };
  const fields = parsed(body);
  if (fields === null)
    return { ...invalid({ field: "body", message: "is not proper JSON" }), status: 400, code: "malformed" };
  const { id = "", client_id = "", msg, ...others } = fields;
  const unknown = Object.keys(others).map((field) => ({ field, message: "unexpected property" }));
  if (unknown.length > 0) return invalid(...unknown);
  if (msg === undefined) return invalid({ field: "msg", message: "is required" });
  const faults = Object.entries({ id, client_id, msg }).filter(([, value]) => typeof value !== "string");
  if (faults.length > 0) return invalid(...faults.map(([field]) => ({ field, message: "expected string" })));
  return { id: String(id), client_id: String(client_id), msg: String(msg) };
}

function faultsOf({ id, room, client_id, msg }: Posted, anyID: boolean): Fault[] {
  const bytes = byteLength(msg);
  const checks: readonly (readonly [boolean, string, string])[] = [
    [roomPattern.test(room), "room", roomForm],
    [client_id !== "" && isName(client_id), "client_id", "must be a name"],
    [bytes > 0 && bytes <= maxBytes, "msg", `must be 1 to ${maxBytes} bytes of UTF-8, is ${bytes}`],
    [anyID || uuid.test(id), "id", "must be a UUID"],
  ];
  return checks.flatMap(([holds, field, message]) => (holds ? [] : [{ field, message }]));
}

function parsed(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

/** The parameters of a page of a room. */
export interface PageQuery {
  readonly limit: number;
  readonly before: number | null;
  readonly after: number | null;
  readonly epoch: string | null;
}

/** Reads the parameters of a page of a room, or returns why they are refused. */
export function pageQueryOf(query: URLSearchParams): PageQuery | Refusal {
  const faults = [
    ...numberFaults(query, "before", 0),
    ...numberFaults(query, "after", 0),
    ...numberFaults(query, "limit", 1, longestPage),
    ...repeated(query, ["before", "after", "limit", "epoch"]),
  ];
  if (query.has("before") && query.has("after"))
    faults.push({ field: "before", message: "cannot be combined with another of after, before and since" });
  if (query.has("epoch") && !query.has("before") && !query.has("after"))
    faults.push({ field: "epoch", message: "is part of a cursor: it needs the number that it belongs to" });
  if (faults.length > 0) return invalid(...faults);
  const number = (name: string) => (query.has(name) ? Number(query.get(name)) : null);
  return {
    limit: number("limit") ?? 100,
    before: number("before"),
    after: number("after"),
    epoch: query.get("epoch"),
  };
}

/** Which rooms a list is to have. */
export type RoomsQuery =
  | { readonly names: readonly string[] }
  | { readonly names: null; readonly prefix: string; readonly after: string; readonly limit: number };

/** Reads the parameters of a list of rooms, or returns why they are refused. */
export function roomsQueryOf(query: URLSearchParams): RoomsQuery | Refusal {
  const names = query.getAll("name");
  const prefix = query.get("prefix") ?? "";
  const faults = [...numberFaults(query, "limit", 1, longestPage), ...repeated(query, ["prefix", "after", "limit"])];
  if (query.get("after") === "") faults.push({ field: "after", message: "is empty" });
  if (names.length > mostNames) faults.push({ field: "name", message: `may be given ${mostNames} times at most` });
  if (names.some((name) => !roomPattern.test(name))) faults.push({ field: "name", message: roomForm });
  if (prefix !== "" && !roomPattern.test(prefix))
    faults.push({ field: "prefix", message: "must be the beginning of a room's name" });
  if (names.length > 0)
    for (const field of ["after", "prefix", "limit"])
      if (query.has(field)) faults.push({ field, message: "cannot be combined with name" });
  if (faults.length > 0) return invalid(...faults);
  if (names.length > 0) return { names };
  return { names: null, prefix, after: query.get("after") ?? "", limit: Number(query.get("limit") ?? 100) };
}

function numberFaults(query: URLSearchParams, field: string, least: number, most = Infinity): Fault[] {
  const text = query.get(field);
  if (text === null) return [];
  if (text === "") return [{ field, message: "is empty; leave it out or give it a value" }];
  if (!/^-?\d+$/.test(text)) return [{ field, message: "invalid integer" }];
  if (Number(text) < least) return [{ field, message: `expected number >= ${least}` }];
  return Number(text) > most ? [{ field, message: `expected number <= ${most}` }] : [];
}

function repeated(query: URLSearchParams, fields: readonly string[]): Fault[] {
  return fields
    .filter((field) => query.getAll(field).length > 1)
    .map((field) => ({ field, message: "is given more than once" }));
}
