// Measures a first visit: its bytes, and its time on a processor that is four times slower. A second visit loads almost nothing.
import { assert, open, run, tab } from "./app.mjs";
import { url } from "./host.mjs";

const most = 170 * 1024; // response headers included

/** Visits the page with a slow processor. Returns the times of the first paint and of the ready element, and the loaded files. */
async function visit(app, ready) {
  const devtools = await app.context.newCDPSession(app.page);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  await devtools.send("Network.enable");
  const loaded = new Map();
  devtools.on("Network.responseReceived", ({ requestId, response }) =>
    loaded.set(requestId, {
      url: response.url,
      encoding: response.headers["Content-Encoding"] ?? response.headers["content-encoding"],
      bytes: 0,
    }),
  );
  devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (loaded.has(requestId)) loaded.get(requestId).bytes = encodedDataLength;
  });
  await app.page.goto(url);
  await ready(app.page);
  const [interactive, paint] = await app.page.evaluate(() => [
    performance.now(),
    performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  ]);
  await app.page.waitForLoadState("networkidle");
  await devtools.detach();
  const files = [...loaded.values()].filter((f) => f.url.startsWith(url) && !/\/(rooms|messageHub)/.test(f.url));
  return { interactive, paint, files, bytes: files.reduce((sum, f) => sum + f.bytes, 0) };
}

const say = (what, v) =>
  console.log(
    `${what}: first paint ${Math.round(v.paint)} ms, usable ${Math.round(v.interactive)} ms, ${v.files.length} files, ${v.bytes} bytes`,
  );

await run(async () => {
  const app = await open({ at: null });
  const first = await visit(app, (page) => page.getByLabel("Your name").click());
  say("first visit, processor 4 times slower", first);
  assert.ok(first.bytes > 50_000 && first.bytes <= most, `${first.bytes} bytes: ${JSON.stringify(first.files)}`);
  assert.ok(
    first.files.some((f) => f.encoding === "br"),
    "nothing was compressed with brotli",
  );
  await app.signIn("Ann");
  await app.linked(/^Connected/);
  await app.installed();

  const second = await visit(await tab(app.context, null), (page) => page.getByTestId("room-lobby").click());
  say("second visit, processor 4 times slower", second);
  assert.ok(second.bytes < 10_000, `${second.bytes} bytes: ${JSON.stringify(second.files)}`);
});
