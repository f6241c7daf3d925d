// The service worker: it lets the page open without a connection. It keeps the page and the files that the page is made
// of, and nothing else; it does not look at requests to the API or the hub, nor at any but GET of this server.
//
// The build puts two constants before this: `version`, a digest of the files, and `files`, their addresses with the digest
// of each.
/* global version, files */

const kept = `restante-${version}`;
const slowTimeout = 3000; // milliseconds for a server that is slow, before what is kept is shown

/** What a proxy says when the server behind it is away, or is asked too much. */
const proxyStatuses = [404, 429];

// Either all files of this build are kept, or it does not become the worker: a page must not be kept with the files of
// another, as in the middle of an upgrade.
async function keep() {
  const cache = await caches.open(kept);
  await cache.addAll(files.map(([url, integrity]) => new Request(url, { integrity })));
  await self.skipWaiting();
}

async function dropOthers() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("restante-") && name !== kept).map((name) => caches.delete(name)));
}

/** The page as the server has it now, or as it is kept when the server is away, in trouble or slow. */
async function newest(request) {
  const copy = await caches.match("/", { cacheName: kept });
  if (!copy) return fetch(request);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), slowTimeout);
  try {
    const answer = await fetch(request, { signal: late.signal });
    return answer.status >= 500 || proxyStatuses.includes(answer.status) ? copy : answer;
  } catch {
    return copy;
  } finally {
    clearTimeout(timer);
  }
}

/** A file with a digest in its name, which does not change. */
async function unchanging(request) {
  return (await caches.match(request.url, { cacheName: kept })) ?? fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(dropOthers()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin) return;
  if (pathname === "/") event.respondWith(newest(event.request));
  else if (pathname.startsWith("/_expo/static/")) event.respondWith(unchanging(event.request));
});
