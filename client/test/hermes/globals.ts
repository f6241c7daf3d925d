// The parts of a phone that the core uses and a bare Hermes VM does not have. URL and AbortController are the ones that Expo and
// React Native put on phones; the clock and the network are those of vm.mjs.
import "./polyfills";

import { AbortController, AbortSignal } from "abort-controller";
import { URL, URLSearchParams } from "whatwg-url-minimum";

/** An event of the machine around the VM. */
type HostEvent =
  | { readonly is: "timer"; readonly id: number }
  | { readonly is: "done"; readonly id: number; readonly line: string }
  | {
      readonly is: "answer";
      readonly id: number;
      readonly status: number;
      readonly headers: Headers;
      readonly text: string;
    }
  | { readonly is: "no answer" | "error"; readonly id: number; readonly text: string }
  | { readonly is: "open"; readonly id: number }
  | { readonly is: "message"; readonly id: number; readonly data: string }
  | { readonly is: "close"; readonly id: number; readonly code: number };
type Headers = Readonly<Record<string, string>>;

declare function print(line: string): void;

const mark = "\u0001";
let ids = 0;
const waiting = new Map<number, (event: HostEvent) => void>();

/** Sends a request to the machine. */
export function request(is: string, values: Record<string, unknown> = {}): void {
  print(mark + JSON.stringify({ is, ...values }));
}

/** Sends a request whose answer is a line. */
export function ask(is: string, values: Record<string, unknown> = {}): Promise<string> {
  return new Promise((resolve) => {
    const id = ++ids;
    waiting.set(id, (event) => {
      waiting.delete(id);
      resolve(event.is === "done" ? event.line : "");
    });
    request(is, { id, ...values });
  });
}

function receive(event: HostEvent): void {
  waiting.get(event.id)?.(event);
}

function setTimer(fire: () => void, milliseconds = 0): number {
  const id = ++ids;
  waiting.set(id, () => {
    waiting.delete(id);
    fire();
  });
  request("timer", { id, milliseconds });
  return id;
}

function cancelTimer(id: number | undefined): void {
  if (id !== undefined && waiting.delete(id)) request("cancel", { id });
}

function repeat(fire: () => void, milliseconds: number): { id: number } {
  const timer = { id: 0 };
  const again = () => {
    timer.id = setTimer(() => {
      again();
      fire();
    }, milliseconds);
  };
  again();
  return timer;
}

interface Init {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Headers;
  readonly redirect?: string;
  readonly signal?: AbortSignal;
}

function fetchByHost(url: string, { signal, ...init }: Init = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const id = ++ids;
    signal?.addEventListener("abort", () => reject(new Error("aborted")));
    waiting.set(id, (event) => {
      waiting.delete(id);
      if (event.is !== "answer") return reject(new TypeError("no answer"));
      const { status, text } = event;
      resolve({
        ok: status >= 200 && status < 300,
        status,
        headers: { get: (name: string) => event.headers[name.toLowerCase()] ?? null },
        text: async () => text,
        json: async (): Promise<unknown> => JSON.parse(text),
      });
    });
    request("fetch", { id, url, init });
  });
}

/** A WebSocket with the parts that the SignalR client uses. */
class HostSocket {
  static readonly OPEN = 1;
  onopen: ((event: unknown) => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  onclose: ((event: { code: number; wasClean: boolean; reason: string }) => void) | null = null;
  readyState = 0;
  readonly #id = ++ids;

  constructor(url: string, protocols: unknown) {
    waiting.set(this.#id, (event) => this.#receive(event));
    request("open", { id: this.#id, url, protocols: Array.isArray(protocols) ? protocols : [] });
  }

  send(data: string): void {
    request("send", { id: this.#id, data });
  }

  close(): void {
    this.readyState = 2;
    request("close", { id: this.#id });
  }

  #receive(event: HostEvent): void {
    switch (event.is) {
      case "open":
        this.readyState = HostSocket.OPEN;
        return this.onopen?.(event);
      case "message":
        return this.onmessage?.({ data: event.data });
      case "error":
        return this.onerror?.(event);
      case "close":
        this.readyState = 3;
        waiting.delete(this.#id);
        return this.onclose?.({ code: event.code, wasClean: event.code === 1000, reason: "" });
      default:
    }
  }
}

Object.assign(globalThis, {
  host: { receive },
  window: globalThis, // the SignalR client knows React Native by a window without a document
  navigator: { product: "ReactNative" },
  console: {
    assert: (holds: boolean) => holds || print("Uncaught: an assertion failed"),
    debug: print,
    info: print,
    log: print,
    warn: print,
    error: print,
  },
  setTimeout: setTimer,
  clearTimeout: cancelTimer,
  setInterval: repeat,
  clearInterval: (timer?: { id: number }) => cancelTimer(timer?.id),
  queueMicrotask: (work: () => void) => void Promise.resolve().then(work),
  fetch: fetchByHost,
  WebSocket: HostSocket,
  AbortController,
  AbortSignal,
  URL,
  URLSearchParams,
});
