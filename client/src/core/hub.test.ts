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
  HttpTransportType: { WebSockets: 1 },
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
const options: HubOptions = {
  server: "http://s",
  client: "Ann & Bob",
  token: () => undefined,
  negotiates: true,
  received,
  reset,
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
  mockConnection.invoke.mockResolvedValueOnce({ last_seq: 7, oldest_seq: 1 });
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

const hubError = (answer: string) =>
  new Error(`An unexpected error occurred invoking 'JoinRoom' on the server. HubException: ${answer}`);

test.each([
  [hubError("forbidden: not for\nyou"), "rejected", "not for\nyou"],
  [hubError("invalid: room: must be"), "rejected", "room: must be"],
  [hubError("too_many: leave one first"), "rejected", "leave one first"],
  [hubError("unavailable: soon"), "later", "soon"],
  [hubError("internal: a mistake"), "later", "a mistake"],
  [new Error("WebSocket closed with status code: 1006"), "unreachable", "WebSocket closed with status code: 1006"],
])("%s is classified", async (error, trouble, text) => {
  const hub = await open();
  mockConnection.invoke.mockRejectedValueOnce(error);
  await expect(hub.join("a")).rejects.toMatchObject({ trouble, message: text });
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
  const opening = expect(open()).rejects.toMatchObject({ trouble: "unreachable" });
  await flushPromises();
  jest.advanceTimersByTime(15_000);
  await opening;
  expect(mockConnection.stop).toHaveBeenCalledTimes(1);
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
