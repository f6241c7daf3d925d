// Without a server the page opens with its history. Messages that the user writes are shown as waiting, also after the
// browser was closed, and are delivered once when the server is back.
import { assert, open, run, tolerate, unreachable, until } from "./app.mjs";
import { ask } from "./host.mjs";
import { history, post } from "./server.mjs";

const kept = ["one", "two", "three"];
const later = ["written offline", "and another", "and, after a reload, a third"];

const waits = (app, texts) =>
  until(`${texts.length} messages wait`, async () => {
    const outgoing = await app.outgoing();
    return outgoing.length === texts.length && outgoing.every((m, i) => m.text === texts[i] && m.state === "Waiting");
  });

await run(async () => {
  tolerate(unreachable);
  const first = await open({ profile: "ann" });
  await first.signIn("Ann");
  await first.linked(/^Connected/);
  await first.show("lobby");
  for (const text of kept) await post("lobby", text);
  await first.shows(kept);
  await first.installed();

  await first.context.setOffline(true);
  await first.linked(/^Offline$/);
  await first.type(later[0]);
  await first.linked(/^Offline, 1 message waiting/);
  await ask("kill");
  await first.context.setOffline(false);
  await first.linked(/^No connection to the server, 1 message waiting/);
  await first.type(later[1]);
  await first.page.reload();
  await first.shows(kept);
  await waits(first, later.slice(0, 2));
  await first.linked(/^No connection to the server, 2 messages waiting/);
  await first.type(later[2]);
  await waits(first, later);
  await first.context.close();

  const again = await open({ profile: "ann" });
  await again.show("lobby");
  await again.shows(kept);
  await waits(again, later);
  await ask("restart");
  await again.linked(/^Connected$/);
  await again.shows([...kept, ...later]);
  await until("nothing waits", async () => (await again.outgoing()).length === 0);
  assert.deepEqual(
    (await history("lobby")).map((m) => m.msg),
    [...kept, ...later],
  );
  await again.context.close();
});
