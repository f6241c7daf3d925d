// The service worker lets the page open without a connection. It caches the page, the page's files and the
// parts of the app that were used, and nothing else. It
// ignores requests to the API, to the hub and to other servers, and every method but GET.
//
// The build adds two constants in front: `version`, a digest of the files, and `files`, the address and digest of each file.
/* global version, files */

const kept = `restante-${version}`;
const slowTimeout = 3000; // milliseconds to wait for the server before the cached page is shown

/** Statuses that a proxy answers when the server behind it is away or overloaded. */
const proxyStatuses = [404, 429];

// If one file of this build cannot be cached, the worker is not installed: during an upgrade, a page must not be cached with
// the files of another build.
async function keep() {
  const cache = await caches.open(kept);
  await cache.addAll(files.map(([url, integrity]) => new Request(url, { integrity })));
  await self.skipWaiting();
}

async function dropOthers() {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith("restante-") && name !== kept).map((name) => caches.delete(name)),
  );
}

/** Returns the server's page, or the cached page if the server is away, answers with an error or is slow. */
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

/**
 * Returns a file with a digest in its name, which never changes, from the cache if possible. A part of the app that is loaded
 * on demand, such as the texts of a language, is cached when it is used first, so that it is there without a connection too.
 */
async function unchanging(request) {
  const copy = await caches.match(request.url, { cacheName: kept });
  if (copy) return copy;
  const answer = await fetch(request);
  if (answer.ok) {
    const cache = await caches.open(kept);
    await cache.put(request.url, answer.clone()).catch(() => undefined); // on failure it is fetched again
  }
  return answer;
}

/** Opens the room of a notification that was pressed: in a page that is open, or in a new one. */
async function openRoom({ room, seq }) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (pages.length === 0) return self.clients.openWindow(`/#/${room}/${seq}`);
  const page = await pages[0].focus();
  page.postMessage({ room, seq });
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
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(openRoom(event.notification.data));
});
