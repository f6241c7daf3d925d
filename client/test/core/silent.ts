// The network stops delivering without closing connections. After a wake event the app notices and shows it, and keeps the
// written messages until the network is back.
import assert from "node:assert/strict";

import { check } from "./check";
import { ask, run, say, seed, until } from "./host";
import { Person } from "./person";

const rooms = ["lobby"];

run(async () => {
  const people = ["ann", "bob"].map((name) => new Person(name));
  for (const person of people) await person.start(rooms);
  for (const person of people) await person.simulate({ rooms, texts: 10, pause: 20 });
  await check(people, rooms);

  await ask("stall");
  for (const person of people) person.write("lobby");
  for (const person of people) person.signalWake();
  const began = Date.now();
  for (const app of people.flatMap((person) => person.apps)) {
    await until("the app shows that it is away", () => app.chat.link.get().is === "away");
    assert.equal(app.chat.waiting.get(), 1, "the written message waits");
  }
  say(`seed ${seed}: a dead connection is noticed after ${Date.now() - began} ms`);
  await ask("resume");
  for (const person of people) person.signalWake();
  await check(people, rooms);
});
