import { HttpTransportType } from "@microsoft/signalr";

import { message, flushPromises } from "./fakes";
import { dial, type HubOptions } from "./hub";

/** The part of the library's connection that dial uses. */
const mockConnection = {
  start: jest.fn(),
  stop: jest.fn(),
  invoke: jest.fn(),
  on: jest.fn(),
  off: jest.fn(),
  onclose: jest.fn(),
};
const mockWithUrl = jest.fn();

jest.mock("@microsoft/signalr", () => ({
  HttpTransportType: { WebSockets: 1, ServerSentEvents: 2, LongPolling: 4 },
  LogLevel: { None: 6 },
  HubConnectionBuilder: class {
    withUrl(...args: unknown[]) {
      mockWithUrl(...args);
      return this;
    }
    configureLogging() {
      return this;
    }
    build() {
      return mockConnection;
    }
  },
}));

beforeEach(() => {
  jest.resetAllMocks();
  for (const method of [mockConnection.start, mockConnection.stop, mockConnection.invoke])
    method.mockResolvedValue(undefined);
});
afterEach(() => jest.useRealTimers());

const received = jest.fn();
const reset = jest.fn();
const events = { note: jest.fn() };
let loseSlot = () => {};
let slot = { lost: new Promise<void>(() => {}), release: jest.fn() };
beforeEach(() => {
  slot = { lost: new Promise<void>((resolve) => (loseSlot = resolve)), release: jest.fn() };
});
const options: HubOptions = {
  server: "http://s",
  client: "Ann & Bob",
  token: () => undefined,
  negotiates: true,
  received,
  reset,
  slot: () => Promise.resolve(slot),
  events,
};
const open = (change: Partial<HubOptions> = {}) => dial({ ...options, ...change }, new AbortController().signal);

test("a connection starts without rooms and with the client's name", async () => {
  await open();
  const [url, init] = mockWithUrl.mock.calls[0] ?? [];
  expect(url).toBe("http://s/messageHub?room=&client_id=Ann+%26+Bob");
  expect(init).not.toHaveProperty("accessTokenFactory");
  expect(init).not.toHaveProperty("skipNegotiation");
});

test("it carries a token, and opens a WebSocket at once if it must not negotiate", async () => {
  await open({ token: () => "t", negotiates: false });
  expect(mockWithUrl.mock.calls[0]?.[1]).toMatchObject({
    skipNegotiation: true,
    transport: HttpTransportType.WebSockets,
  });
  expect(mockWithUrl.mock.calls[0]?.[1].accessTokenFactory()).toBe("t");
});

test("join and leave call the server", async () => {
  const hub = await open();
  mockConnection.invoke.mockResolvedValue({ last_seq: 7, oldest_seq: 1, more: true });
  await expect(hub.join("a")).resolves.toEqual({ last_seq: 7, oldest_seq: 1 });
  await hub.join("a", 5);
  await hub.join("a", { after: 5, epoch: "e" });
  await hub.leave("a");
  expect(mockConnection.invoke.mock.calls).toEqual([
    ["JoinRoom", "a"],
    ["JoinRoom", "a", 5],
    ["JoinRoom", "a", { after: 5, epoch: "e" }],
    ["LeaveRoom", "a"],
  ]);
});

test("a reset names the room to join again", async () => {
  await open();
  const [, told] = mockConnection.on.mock.calls.find(([event]) => event === "Reset") ?? [];
  told({ room: "a", reason: "floor", epoch: "e", last_seq: 9, after: 7, from: 3 });
  expect(reset.mock.calls).toEqual([["a"]]);
});

test("a connection that was stopped delivers nothing more, also while it is ending", async () => {
  const hub = await open();
  mockConnection.stop.mockReturnValueOnce(new Promise(() => {}));
  void hub.stop();
  expect(mockConnection.off.mock.calls).toEqual(mockConnection.on.mock.calls.map(([event]) => [event]));
});

describe("what the server delivers is checked", () => {
  const deliver = (event: string, value: unknown) => {
    for (const [name, told] of mockConnection.on.mock.calls) if (name === event) told(value);
  };

  test("a malformed message or reset is noted, and those around it are delivered", async () => {
    await open();
    deliver("ReceiveMessage", message(1));
    for (const bad of [undefined, null, "x", [], {}, { ...message(2), seq: "2" }]) deliver("ReceiveMessage", bad);
    deliver("ReceiveMessage", { ...message(3), later: true });
    deliver("ReceiveMessage", { kind: "reaction", room: "lobby", seq: 4 });
    for (const bad of [undefined, null, { room: "No room", reason: "floor", after: 1 }]) deliver("Reset", bad);
    expect(received.mock.calls).toEqual([[message(1)], [message(3)]]);
    expect(reset).not.toHaveBeenCalled();
    expect(events.note.mock.calls.map(([code, { what }]) => `${code} ${what}`)).toEqual([
      ...Array(6).fill("malformed message"),
      ...Array(3).fill("malformed reset"),
    ]);
  });

  test.each([undefined, null, 7, {}, { last_seq: -1, oldest_seq: 0 }, { last_seq: 1, oldest_seq: 1, reset: {} }])(
    "an answer to a join as %j is a failure that is tried again later",
    async (answer) => {
      const hub = await open();
      mockConnection.invoke.mockResolvedValueOnce(answer);
      await expect(hub.join("a")).rejects.toMatchObject({ trouble: "later", code: "unreadable" });
    },
  );
});

describe("a call without an answer", () => {
  beforeEach(() => jest.useFakeTimers());

  const never = () => new Promise(() => {});

  test.each(["join", "leave"] as const)("to %s ends the connection after 15 s", async (method) => {
    const hub = await open();
    mockConnection.invoke.mockImplementationOnce(never);
    mockConnection.stop.mockImplementationOnce(never);
    const called = expect(hub[method]("a")).rejects.toMatchObject({ trouble: "unreachable", code: "unreachable" });
    await flushPromises();
    jest.advanceTimersByTime(14_999);
    expect(mockConnection.stop).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    await called;
    await hub.closed;
    expect([mockConnection.stop.mock.calls.length, jest.getTimerCount()]).toEqual([1, 0]);
  });

  test("may take longer while the server delivers messages, but not for ever", async () => {
    const hub = await open();
    mockConnection.invoke.mockImplementationOnce(never);
    const called = expect(hub.join("a")).rejects.toMatchObject({ trouble: "unreachable" });
    for (let second = 0; second < 59; second++) {
      mockConnection.on.mock.calls[0]?.[1](message(1));
      jest.advanceTimersByTime(1_000);
      await flushPromises();
    }
    expect(mockConnection.stop).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1_000);
    await called;
    expect([mockConnection.stop.mock.calls.length, jest.getTimerCount()]).toEqual([1, 0]);
  });

  test("leaves no timer after its answer", async () => {
    const hub = await open();
    await hub.leave("a");
    await flushPromises();
    expect(jest.getTimerCount()).toBe(0);
  });
});

const hubError = (answer: string) =>
  new Error(`An unexpected error occurred invoking 'JoinRoom' on the server. HubException: ${answer}`);

test.each([
  [hubError("forbidden: not for\nyou"), "rejected", "forbidden", "not for\nyou"],
  [hubError("invalid: room: must be"), "rejected", "invalid", "room: must be"],
  [hubError("too_many: leave one first"), "rejected", "too_many", "leave one first"],
  [hubError("unavailable: soon"), "later", "unavailable", "soon"],
  [hubError("internal: a mistake"), "later", "internal", "a mistake"],
  [
    new Error("WebSocket closed with status code: 1006"),
    "unreachable",
    "unreachable",
    "WebSocket closed with status code: 1006",
  ],
])("%s is classified", async (error, trouble, code, text) => {
  const hub = await open();
  mockConnection.invoke.mockRejectedValueOnce(error);
  await expect(hub.join("a")).rejects.toMatchObject({ trouble, code, message: text });
});

test("a refusal, the end, or an earlier message answers a ping", async () => {
  const hub = await open();
  mockConnection.invoke.mockRejectedValueOnce(hubError("invalid: room"));
  await hub.ping();
  mockConnection.invoke.mockReturnValueOnce(new Promise(() => {}));
  const pinged = hub.ping();
  mockConnection.on.mock.calls[0]?.[1](message(1));
  await pinged;
  expect(received).toHaveBeenCalledWith(message(1));
  expect(mockConnection.invoke.mock.calls[0]).toEqual(["LeaveRoom", ""]); // no room can have this name
});

test("closed resolves at the end, and stop never rejects", async () => {
  const hub = await open();
  mockConnection.stop.mockRejectedValueOnce(new Error("not started"));
  await hub.stop();
  mockConnection.onclose.mock.calls[0]?.[0]();
  await hub.closed;
});

test("a connection that does not start is stopped", async () => {
  mockConnection.start.mockRejectedValueOnce(new Error("negotiation failed"));
  await expect(open()).rejects.toMatchObject({ trouble: "unreachable", message: "negotiation failed" });
  expect(mockConnection.stop).toHaveBeenCalledTimes(1);
});

test("a start that hangs is stopped after 15 s", async () => {
  jest.useFakeTimers();
  mockConnection.start.mockReturnValueOnce(new Promise(() => {}));
  const opening = expect(open({ negotiates: false })).rejects.toMatchObject({ trouble: "unreachable" });
  await flushPromises();
  jest.advanceTimersByTime(15_000);
  await opening;
  expect(mockConnection.stop).toHaveBeenCalledTimes(1);
});

describe("where a WebSocket cannot be opened", () => {
  const noWebSocket = () =>
    Object.assign(new Error("Unable to connect"), { innerErrors: [new Error("WebSockets failed")] });
  const transports = () => mockWithUrl.mock.calls.map(([, { transport }]) => transport);

  test("another transport is used, within the right of the tab, which is given back at the end", async () => {
    mockConnection.start.mockRejectedValueOnce(noWebSocket());
    const hub = await open();
    expect([transports(), slot.release.mock.calls.length]).toEqual([[1, 6], 0]);
    await hub.stop();
    await flushPromises();
    expect(slot.release).toHaveBeenCalledTimes(1);
  });

  test("a tab that must wait opens nothing meanwhile", async () => {
    mockConnection.start.mockRejectedValueOnce(noWebSocket());
    let grant = (_: typeof slot) => {};
    const opening = open({ slot: () => new Promise((resolve) => (grant = resolve)) });
    await flushPromises();
    expect(transports()).toEqual([1]);
    grant(slot);
    await opening;
    expect(transports()).toEqual([1, 6]);
  });

  test("a tab that loses the right ends its connection", async () => {
    mockConnection.start.mockRejectedValueOnce(noWebSocket());
    const hub = await open();
    loseSlot();
    await hub.closed;
    expect(slot.release).toHaveBeenCalledTimes(1);
  });

  test("a connection that fails all the same gives the right back", async () => {
    mockConnection.start.mockRejectedValue(noWebSocket());
    await expect(open()).rejects.toMatchObject({ trouble: "unreachable" });
    expect(slot.release).toHaveBeenCalledTimes(1);
  });

  test("a WebSocket that hangs is given up after 10 s", async () => {
    jest.useFakeTimers();
    mockConnection.start.mockReturnValueOnce(new Promise(() => {}));
    const opening = open();
    await flushPromises();
    jest.advanceTimersByTime(10_000);
    await opening;
    expect(transports()).toEqual([1, 6]);
  });

  test("nothing else is tried when the server does not answer at all", async () => {
    mockConnection.start.mockRejectedValueOnce(new Error("Failed to complete negotiation with the server"));
    await expect(open()).rejects.toMatchObject({ trouble: "unreachable" });
    expect(transports()).toEqual([1]);
  });
});

test("end stops a start, before it and while it hangs", async () => {
  const end = new AbortController();
  mockConnection.start.mockReturnValue(new Promise(() => {}));
  const opening = dial(options, end.signal);
  end.abort();
  await expect(opening).rejects.toMatchObject({ trouble: "unreachable" });
  expect(mockConnection.stop).toHaveBeenCalledTimes(1);
  mockConnection.start.mockClear();
  await expect(dial(options, end.signal)).rejects.toMatchObject({ trouble: "unreachable" });
  expect(mockConnection.start).not.toHaveBeenCalled();
});
