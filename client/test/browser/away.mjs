// A user was away while ten thousand messages came: the room opens at once with the newest, leads to the first unread, and
// can be scrolled back to its beginning. During a burst the list follows its end, or stays in place if the user reads further up.
import { assert, enter, run, until } from "./app.mjs";
import { ask, url } from "./host.mjs";
import { post } from "./server.mjs";

const passed = 10_000;
const burst = 1_000;
const some = 80;
const mostNodes = 2_500;

/** Measures the cost of a part of the script for the page. */
async function measured(devtools, name, part) {
  const metrics = async () =>
    Object.fromEntries((await devtools.send("Performance.getMetrics")).metrics.map((m) => [m.name, m.value]));
  const before = await metrics();
  const began = Date.now();
  const result = await part();
  const took = Date.now() - began;
  const after = await metrics();
  await devtools.send("HeapProfiler.collectGarbage");
  const kept = await metrics();
  console.log(
    `${name}: ${took} ms, of which tasks ${Math.round(1000 * (after.TaskDuration - before.TaskDuration))} ms; ` +
      `${kept.Nodes} DOM nodes, heap ${(kept.JSHeapUsedSize / 1e6).toFixed(1)} MB`,
  );
  return result;
}

await run(async () => {
  const ann = await enter("Ann");
  const devtools = await ann.context.newCDPSession(ann.page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" }); // excludes the time in which other processes had the processor
  for (const text of ["one", "two", "three"]) await post("lobby", text);
  await ann.shows(["one", "two", "three"]);
  await until(
    "they have been read",
    async () => !/unread/.test((await ann.page.getByTestId("room-lobby").getAttribute("aria-label")) ?? ""),
  );

  await ann.page.goto("about:blank");
  await ask("fill", String(passed));
  let last = 3 + passed;
  const openAtEnd = async () => {
    await ann.page.goto(url);
    await ann.show("lobby");
    await ann.sees(last);
    await ann.atEnd();
  };
  await measured(devtools, `open ${passed} behind`, async () => {
    await openAtEnd();
    await ann.page.getByTestId("first-unread").waitFor();
  });
  await measured(devtools, "lead to the first unread", async () => {
    await ann.page.getByTestId("first-unread").click();
    await ann.page.getByTestId("unread").waitFor();
    await until("the separator is in view with the first unread", async () => {
      const [line, first] = [
        await ann.page.getByTestId("unread").boundingBox(),
        await ann.page.getByTestId("message-4").boundingBox(),
      ];
      return line !== null && first !== null && line.y > 0 && line.y < first.y && first.y < 700;
    });
  });
  await ann.jump.click();
  await ann.sees(last);
  await ann.atEnd();

  await openAtEnd();
  const read = await measured(devtools, "scroll back to the beginning", () => ann.readAll());
  assert.deepEqual(
    read.map((m) => m.seq),
    Array.from({ length: last }, (_, i) => i + 1),
  );
  assert.equal(new Set(read.slice(3).map((m) => m.text)).size, passed);
  const nodes = await ann.page.locator("*").count();
  assert.ok(nodes < mostNodes, `${nodes} elements`);

  const reading = await ann.position();
  await ask("fill", String(some));
  last += some;
  await ann.button(`Jump to the latest, ${some} new`).waitFor();
  assert.deepEqual(
    await ann.position().then(({ first, top }) => ({ first, top })),
    { first: reading.first, top: reading.top },
    "the list does not move while the user reads",
  );
  await ann.jump.click();
  await ann.sees(last);
  await ann.atEnd();
  await measured(devtools, `a burst of ${burst}`, async () => {
    await ask("fill", String(burst));
    last += burst;
    await ann.sees(last);
    await ann.atEnd();
  });
});
