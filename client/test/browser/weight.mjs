// Measures a first visit: its bytes, and its time on a processor that is four times slower. A second visit loads almost nothing.
import { assert, open, run, tab } from "./app.mjs";
import { url } from "./host.mjs";

const most = 170_000; // bytes of the first visit, without the headers of its responses

/** Runs in the page before it starts. It tells when the frame with the first element of a selector has been drawn. */
function noteDrawn(selector) {
  globalThis.drawn = new Promise((resolve) => {
    const told = () => resolve(performance.now());
    const look = (_, observer) => {
      if (document.querySelector(selector) === null) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(told));
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
  });
}

/** Visits the page with a slow processor. Returns the times when it paints first and draws an element, and the loaded files. */
async function visit(app, selector) {
  const devtools = await app.context.newCDPSession(app.page);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  await devtools.send("Network.enable");
  const loaded = new Map();
  devtools.on("Network.responseReceived", ({ requestId, response }) =>
    loaded.set(requestId, {
      url: response.url,
      encoding: response.headers["Content-Encoding"] ?? response.headers["content-encoding"],
      headers: response.encodedDataLength,
      bytes: 0,
    }),
  );
  devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const file = loaded.get(requestId);
    if (file !== undefined) file.bytes = Math.max(0, encodedDataLength - file.headers);
  });
  await app.page.addInitScript(noteDrawn, selector);
  await app.page.goto(url);
  const [interactive, paint] = await app.page.evaluate(async () => [
    await globalThis.drawn,
    performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  ]);
  await app.page.waitForLoadState("networkidle");
  await devtools.detach();
  const files = [...loaded.values()].filter((f) => f.url.startsWith(url) && !/\/(rooms|messageHub)/.test(f.url));
  const sum = (what) => files.reduce((total, file) => total + file[what], 0);
  return { interactive, paint, files, bytes: sum("bytes"), headers: sum("headers") };
}

const say = (what, v) =>
  console.log(
    `${what}: first paint ${Math.round(v.paint)} ms, usable ${Math.round(v.interactive)} ms, ${v.files.length} files, ${v.bytes} bytes and ${v.headers} of headers`,
  );

await run(async () => {
  const app = await open({ at: null });
  const first = await visit(app, 'input[aria-label="Your name"]');
  say("first visit, processor 4 times slower", first);
  assert.ok(first.bytes > 50_000 && first.bytes <= most, `${first.bytes} bytes: ${JSON.stringify(first.files)}`);
  assert.ok(
    first.files.some((f) => f.encoding === "br"),
    "nothing was compressed with brotli",
  );
  await app.signIn("Ann");
  await app.linked(/^Connected/);
  await app.installed();

  const second = await visit(await tab(app.context, null), '[data-testid="room-lobby"]');
  say("second visit, processor 4 times slower", second);
  assert.ok(second.bytes < 10_000, `${second.bytes} bytes: ${JSON.stringify(second.files)}`);
});
