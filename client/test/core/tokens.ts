// Tokens live three seconds, and each is renewed when the server refuses it. One room may not be read or written.
import assert from "node:assert/strict";

import type { App } from "./app";
import { check } from "./check";
import { ask, sleep, run, say, seed, until } from "./host";
import { Person } from "./person";

let renewals = 0;

run(async () => {
  const token = (sub: string, seconds: number) =>
    ask("token", JSON.stringify({ sub, rooms: ["lobby", "garden"], seconds }));
  const reader = await token("reader", 3_600);
  const ann = new Person("ann", await token("ann", 3));
  const bob = new Person("bob", await token("bob", 3_600));
  const renew = (app: App) => {
    app.chat.link.subscribe(() => {
      if (app.chat.link.get().is === "refused")
        void token("ann", 3).then((next) => (renewals++, (ann.token = next), app.chat.renew(next)));
    });
    return app;
  };
  const rooms = ["lobby", "garden"];
  const app = renew(await ann.start([...rooms, "vault"]));
  await bob.start(rooms);

  const vault = app.room("vault");
  await until("the vault is refused", () => vault.timeline.get().refused !== null);
  await vault.send("let me in");
  for (const again of ["", "again"]) {
    await until(`the message to the vault fails ${again}`, () => vault.timeline.get().outgoing[0]?.state === "failed");
    const [failed] = vault.timeline.get().outgoing;
    assert(failed?.state === "failed" && failed.reason.code === "forbidden");
    if (again === "") app.chat.resend(failed.id);
    else app.chat.discard(failed.id);
  }
  await until("the discarded message has left the outbox", () => vault.timeline.get().outgoing.length === 0);

  while (renewals < 2) {
    ann.write("lobby");
    bob.write("garden");
    await sleep(50);
  }
  await ann.crash(app);
  const expired = JSON.parse(atob(ann.token?.split(".")[1] ?? "")).exp * 1000;
  await until("the last token has expired", () => Date.now() > expired + 1_500);
  renew(await ann.start(rooms)).room("lobby");
  ann.write("garden");
  await until("the app continues with another token", () => renewals > 2);
  const logs = await check([ann, bob], rooms, reader);
  say(`seed ${seed}: ${renewals} renewals, ${logs.get("lobby")?.length} messages`);
});
