import { Api } from "./api";
import { EventRing } from "./events";
import { Failure } from "./failure";
import { message, problem, unsent } from "./fakes";

const outgoing = unsent("i", { msg: "hi" });
const receipt = { id: "i", room: "lobby", client_id: "ann", sent_at: "2026-01-01T00:00:00Z" };

let fetched: jest.SpyInstance<Promise<Response>, Parameters<typeof fetch>>;
beforeEach(() => (fetched = jest.spyOn(globalThis, "fetch")));
afterEach(() => {
  fetched.mockRestore();
  jest.useRealTimers();
});

const api = (token?: string) => new Api("http://s", () => token, new EventRing());
const text = (body: string, status = 200) => new Response(body, { status });

async function failureOf(answer: Response | Error): Promise<Failure> {
  if (answer instanceof Error) fetched.mockRejectedValueOnce(answer);
  else fetched.mockResolvedValueOnce(answer);
  const error: unknown = await api()
    .send(outgoing, "ann")
    .catch((e: unknown) => e);
  if (!(error instanceof Failure)) throw new Error(`${String(error)} is not a Failure`);
  return error;
}

test("send posts the message with its id, and resolves with the time of acceptance", async () => {
  fetched.mockResolvedValueOnce(Response.json(receipt, { status: 202 }));
  await expect(api("t").send(outgoing, "ann")).resolves.toBe(receipt.sent_at);
  const [url, init] = fetched.mock.calls[0] ?? [];
  expect(url).toBe("http://s/rooms/lobby/messages");
  expect(init).toMatchObject({
    method: "POST",
    credentials: "omit",
    headers: { Authorization: "Bearer t", "Content-Type": "application/json" },
  });
  expect(JSON.parse(String(init?.body))).toEqual({ id: "i", msg: "hi", client_id: "ann" });
});

test("without a token no header is set", async () => {
  fetched.mockResolvedValueOnce(Response.json({ rooms: [] }));
  await api().rooms(7);
  expect(fetched.mock.calls[0]?.[0]).toBe("http://s/rooms?limit=7");
  expect(fetched.mock.calls[0]?.[1]?.headers).toEqual({});
});

test("version is what the server names, and nothing else", async () => {
  fetched.mockResolvedValueOnce(Response.json({ version: "1.2.3" }));
  await expect(api().version()).resolves.toBe("1.2.3");
  expect(fetched.mock.calls[0]?.[0]).toBe("http://s/version");
  fetched.mockResolvedValueOnce(Response.json({ version: 1 }));
  await expect(api().version()).rejects.toMatchObject({ trouble: "unreachable" });
});

test("page asks for the newest messages, or those before a number", async () => {
  const page = { messages: [], last_seq: 0, oldest_seq: 0 };
  fetched.mockImplementation(() => Promise.resolve(Response.json(page)));
  await expect(api().page("a", 5)).resolves.toEqual(page);
  await api().page("a", 5, 9);
  expect(fetched.mock.calls.map(([url]) => url)).toEqual([
    "http://s/rooms/a/messages?limit=5",
    "http://s/rooms/a/messages?limit=5&before=9",
  ]);
});

test.each([
  [400, "rejected"],
  [401, "unauthenticated"],
  [403, "rejected"],
  [404, "rejected"],
  [408, "later"],
  [413, "rejected"],
  [422, "rejected"],
  [429, "later"],
  [500, "later"],
  [503, "later"],
] as const)("the server's %i means %s", async (status, trouble) => {
  expect(await failureOf(problem(status, "a_code", "why"))).toMatchObject({
    trouble,
    code: "a_code",
    reason: { code: "a_code", text: "why" },
  });
});

test("another text under a used id is a conflict, which other refusals with 409 are not", async () => {
  expect(await failureOf(problem(409, "conflict", "why"))).toMatchObject({ trouble: "conflict", message: "why" });
  expect((await failureOf(problem(409, "another", "why"))).trouble).toBe("rejected");
  expect((await failureOf(text("conflict", 409))).trouble).toBe("later");
});

test.each([400, 401, 403, 404, 405, 413, 451, 502, 504])("%i of a proxy is not final", async (status) => {
  expect(await failureOf(text("<html>no</html>", status))).toMatchObject({ trouble: "later", code: "unreachable" });
});

test.each([
  ["a network that fails", new TypeError("Failed to fetch")],
  ["a portal's page", text("<html>log in</html>")],
  ["a cut answer", text('{"id":"i"')],
  ["an empty answer", text("")],
  ["another object", Response.json({ ok: true })],
  ["null", Response.json(null)],
  ["a receipt of another message", Response.json({ ...receipt, id: "j" })],
  ["a receipt without a time", Response.json({ ...receipt, sent_at: "soon" })],
])("after %s the outcome is unknown", async (_, answer) => {
  expect((await failureOf(answer)).trouble).toBe("unreachable");
});

test("answers that are not pages or directories are rejected", async () => {
  fetched.mockImplementation(() =>
    Promise.resolve(Response.json({ messages: {}, rooms: "x", last_seq: 1, oldest_seq: 1 })),
  );
  await expect(api().page("a", 1)).rejects.toMatchObject({ trouble: "unreachable" });
  await expect(api().rooms(1)).rejects.toMatchObject({ trouble: "unreachable" });
});

test("a page with a malformed message is a failure that asks to wait", async () => {
  const bad = { messages: [message(1), { ...message(2), seq: 1.5 }], last_seq: 2, oldest_seq: 1 };
  fetched.mockResolvedValueOnce(Response.json(bad));
  await expect(api().page("lobby", 2)).rejects.toMatchObject({ trouble: "later", code: "unreadable", wait: 30_000 });
});

test("a malformed room of a list is left out", async () => {
  fetched.mockResolvedValueOnce(Response.json({ rooms: [{ name: "a", last_seq: 1 }, null, { name: "B" }] }));
  await expect(api().rooms(3)).resolves.toEqual([{ name: "a", last_seq: 1 }]);
});

test.each([
  ["2", 2000],
  ["0", 0],
  ["-5", 0],
  ["soon", 0],
  ["Wed, 21 Oct 2026 07:28:00 GMT", 0],
  ["1e99", 300_000],
  ["Infinity", 300_000],
  [undefined, 0],
])("Retry-After: %s is a wait of %i ms", async (after, wait) => {
  const headers = after === undefined ? {} : { "Retry-After": after };
  expect((await failureOf(problem(503, "unavailable", "", undefined, headers))).wait).toBe(wait);
});

test("the text is made of the faults, else the detail, else the status", async () => {
  const errors = [{ field: "msg", message: "is empty" }, { field: "id", message: "is no UUID" }, null];
  expect((await failureOf(problem(422, "invalid", "faults", errors))).message).toBe("msg is empty; id is no UUID");
  expect((await failureOf(problem(422, "invalid", "the request", []))).message).toBe("the request");
  expect((await failureOf(problem(422, "invalid", "", "x"))).message).toBe("status 422");
  expect((await failureOf(text("no", 500))).message).toBe("status 500");
});

test("a request ends after 15 s even if the server does not answer", async () => {
  jest.useFakeTimers();
  fetched.mockImplementation(
    (_, init) =>
      new Promise((_resolve, reject) => init?.signal?.addEventListener("abort", () => reject(new Error("aborted")))),
  );
  const asked = expect(api().rooms(1)).rejects.toMatchObject({ trouble: "unreachable" });
  jest.advanceTimersByTime(14_999);
  expect(fetched.mock.calls[0]?.[1]?.signal?.aborted).toBe(false);
  jest.advanceTimersByTime(1);
  await asked;
  expect(jest.getTimerCount()).toBe(0);
});
