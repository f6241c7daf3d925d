// The server is restored from an older copy of its data. Later messages are lost, and their numbers are given to new messages.
import { check } from "./check";
import { ask, run, say, seed } from "./host";
import { Person } from "./person";

const rooms = ["lobby", "garden"];
const usage = { rooms, texts: 25, pause: 20 };

run(async () => {
  const people = ["ann", "bob", "cem"].map((name) => new Person(name));
  const [ann, bob, cem] = people;
  if (ann === undefined || bob === undefined || cem === undefined) throw new Error("a user is missing");
  for (const person of people) await person.start(rooms);
  await Promise.all(people.map((person) => person.simulate(usage)));
  await check(people, rooms);
  await ask("copy");
  await Promise.all(people.map((person) => person.simulate(usage)));
  const more = await check(people, rooms);
  await cem.crash(); // cem starts again with the older copy

  await ask("restore");
  for (const person of people) person.forget();
  await cem.start(rooms);
  for (const person of people) await person.connected();
  ann.write("lobby");
  bob.write("garden");
  const fewer = await check(people, rooms);
  const count = (logs: typeof more) => [...logs.values()].reduce((sum, log) => sum + log.length, 0);
  say(`seed ${seed}: ${count(more)} messages, then ${count(fewer)}`);
});
