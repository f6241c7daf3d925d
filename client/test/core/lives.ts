// The apps crash at random times, and at the moment when a message was accepted and has not come back yet. They start again
// with the data on their machines.
import assert from "node:assert/strict";

import { check } from "./check";
import { run, say, seed } from "./host";
import { Person } from "./person";

const rooms = ["lobby", "garden"];

run(async () => {
  const people = ["ann", "bob", "cem"].map((name) => new Person(name));
  for (const person of people) await person.start(rooms);
  await Promise.all(people.map((person) => person.simulate({ rooms, texts: 40, pause: 60, crashes: 0.4 })));
  let between = 0;
  for (let n = 0; n < 12; n++) {
    for (const person of people) between += Number(await crashBetween(person));
  }
  for (const person of people) await person.start(rooms);
  assert(between > 5, `${between} crashes between accept and arrival`);
  await check(people, rooms);
  say(
    `seed ${seed}: ${people.reduce((sum, person) => sum + person.allApps.length - 1, 0)} crashes, ${between} of them between accept and arrival`,
  );
});

/** Writes a message and crashes the app when it is accepted. Returns whether the message had not come back by then. */
async function crashBetween(person: Person): Promise<boolean> {
  const app = person.apps[0] ?? (await person.start(rooms));
  await person.connected();
  person.write("lobby", app);
  const between = await new Promise<boolean>((resolve) => {
    const { timeline } = app.room("lobby");
    const off = timeline.subscribe(() => {
      const accepted = timeline.get().outgoing.some((m) => m.state === "accepted");
      if (!accepted && timeline.get().outgoing.length > 0) return;
      off();
      resolve(accepted);
    });
  });
  await person.crash(app);
  return between;
}
