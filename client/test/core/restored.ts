// The server is set back to an older copy of its data: what was after it is gone, and its numbers are given to others.
import { check } from "./check";
import { ask, run, say, seed } from "./host";
import { Person } from "./person";

const rooms = ["lobby", "garden"];
const usage = { rooms, texts: 25, pause: 20 };

run(async () => {
  const people = ["ann", "bob", "cem"].map((name) => new Person(name));
  const [ann, bob, cem] = people;
  if (ann === undefined || bob === undefined || cem === undefined) throw new Error("nobody is there");
  for (const person of people) await person.start(rooms);
  await Promise.all(people.map((person) => person.simulate(usage)));
  await check(people, rooms);
  await ask("copy");
  await Promise.all(people.map((person) => person.simulate(usage)));
  const more = await check(people, rooms);
  await cem.crash(); // and comes back to the older copy

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
