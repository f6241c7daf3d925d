import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const source = readFileSync(new URL("sw.js", import.meta.url), "utf8");
const origin = "https://chat.example";

/** Runs a service worker in a separate context, whose network is the function `network`. */
function worker(network, timers = { setTimeout, clearTimeout }, clients = {}) {
  const stores = new Map([
    ["restante-old", new Map()],
    ["of-another", new Map()],
  ]);
  const handlers = {};
  const open = (name) => stores.get(name) ?? stores.set(name, new Map()).get(name);
  const caches = {
    open: async (name) => ({
      addAll: async (requests) => {
        for (const request of requests)
          open(name).set(origin + request.url, `kept ${request.url} ${request.integrity}`);
      },
      put: async (url) => void open(name).set(url, `put ${new URL(url).pathname}`),
    }),
    keys: async () => [...stores.keys()],
    delete: async (name) => stores.delete(name),
    match: async (url, { cacheName }) => {
      const kept = open(cacheName).get(new URL(url, origin).href);
      return kept && { status: 200, kept };
    },
  };
  const self = {
    location: { origin },
    clients,
    skipWaiting: async () => {},
    addEventListener: (type, handler) => {
      handlers[type] = handler;
    },
  };
  class Request {
    constructor(url, { integrity }) {
      Object.assign(this, { url, integrity });
    }
  }
  runInNewContext(source, {
    self,
    caches,
    Request,
    URL,
    AbortController,
    fetch: network,
    version: "new",
    files: [
      ["/", "sha-a"],
      ["/_expo/static/x.js", "sha-b"],
    ],
    ...timers,
  });
  const run = async (type, event = {}) => {
    let done;
    handlers[type]({
      ...event,
      waitUntil: (promise) => {
        done = promise;
      },
    });
    await done;
  };
  /** Returns the worker's answer, or undefined if it ignores the request. */
  const ask = (path, method = "GET") => {
    let answer;
    handlers.fetch({
      request: { method, url: new URL(path, origin).href },
      respondWith: (promise) => {
        answer = promise;
      },
    });
    return answer;
  };
  return { run, ask, stores };
}

const up = async () => ({ status: 200, from: "the server" });
const down = async () => {
  throw new TypeError("no network");
};

test("it caches and checks the files of its build, and drops those of other builds", async () => {
  const { run, stores } = worker(up);
  await run("install");
  assert.deepEqual([...stores.get("restante-new").values()], ["kept / sha-a", "kept /_expo/static/x.js sha-b"]);
  assert.ok(stores.has("restante-old"), "the old worker is still active");
  await run("activate");
  assert.deepEqual([...stores.keys()], ["of-another", "restante-new"]);
});

test("the page comes from the server while the server answers", async () => {
  const { run, ask } = worker(up);
  await run("install");
  assert.deepEqual(await ask("/"), { status: 200, from: "the server" });
  assert.deepEqual(await ask("/?utm=1"), { status: 200, from: "the server" });
});

for (const [name, network] of [
  ["away", down],
  ["answering 503", async () => ({ status: 503 })],
]) {
  test(`the page comes from the cache while the server is ${name}`, async () => {
    const { run, ask } = worker(network);
    await run("install");
    assert.deepEqual(await ask("/"), { status: 200, kept: "kept / sha-a" });
    assert.deepEqual(await ask("/?utm=1"), { status: 200, kept: "kept / sha-a" });
  });
}

test("a part of the app that was used is there without a connection", async () => {
  const answers = [
    { ok: false, status: 503 },
    { ok: true, status: 200, clone: () => ({}) },
  ];
  const { run, ask } = worker(async () => answers.shift() ?? down());
  await run("install");
  const part = "/_expo/static/js/web/texts-1.js";
  assert.equal((await ask(part)).status, 503);
  assert.equal((await ask(part)).status, 200);
  assert.deepEqual(await ask(part), { status: 200, kept: `put ${part}` });
});

test("it waits three seconds for a slow server", async () => {
  let started;
  const timer = new Promise((resolve) => {
    started = resolve;
  });
  const timers = { setTimeout: (fire, ms) => started({ fire, ms }), clearTimeout: () => {} };
  const slow = (_, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
  const { run, ask } = worker(slow, timers);
  await run("install");
  const answer = ask("/");
  assert.ok(answer);
  const { fire, ms } = await timer;
  assert.equal(ms, 3000);
  fire();
  assert.deepEqual(await answer, { status: 200, kept: "kept / sha-a" });
});

test("the time limit does not cut off an answer that has begun", async () => {
  const cleared = [];
  const { run, ask } = worker(up, { setTimeout: () => 7, clearTimeout: (id) => cleared.push(id) });
  await run("install");
  await ask("/");
  assert.deepEqual(cleared, [7]);
});

test("files with a digest in their name come from the cache, unknown ones from the server", async () => {
  const { run, ask } = worker(up);
  await run("install");
  assert.deepEqual(await ask("/_expo/static/x.js"), { status: 200, kept: "kept /_expo/static/x.js sha-b" });
  assert.deepEqual(await ask("/_expo/static/newer.js"), { status: 200, from: "the server" });
});

test("it ignores all other requests", async () => {
  const { run, ask } = worker(up);
  await run("install");
  for (const path of [
    "/rooms",
    "/rooms/lobby/messages",
    "/message",
    "/messageHub",
    "/messageHub/negotiate",
    "/docs",
    "/sw.js",
    "https://other.example/",
    "https://other.example/_expo/static/x.js",
  ]) {
    assert.equal(ask(path), undefined, path);
  }
  assert.equal(ask("/", "POST"), undefined);
  assert.equal(ask("/_expo/static/x.js", "HEAD"), undefined);
});

test("a notification that is pressed opens its message in a page that is open, or in a new one", async () => {
  const did = [];
  const page = {
    focus: async () => page,
    postMessage: (data) => did.push(data),
  };
  const press = (pages) => {
    const clients = { matchAll: async () => pages, openWindow: async (address) => did.push(address) };
    const notification = { data: { room: "lobby", seq: 3 }, close: () => did.push("closed") };
    return worker(up, undefined, clients).run("notificationclick", { notification });
  };
  await press([page]);
  await press([]);
  assert.deepEqual(JSON.parse(JSON.stringify(did)), ["closed", { room: "lobby", seq: 3 }, "closed", "/#/lobby/3"]);
});
