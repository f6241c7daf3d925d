// Six users write in three rooms while the test causes network faults.
import { check } from "./check";
import { ask, run, say, seed } from "./host";
import { Person } from "./person";
import { countPosts } from "./posts";

const rooms = ["lobby", "garden", "harbour"];

run(async () => {
  const posts = countPosts();
  const people = ["ann", "bob", "cem", "dee", "eva", "fay"].map((name) => new Person(name));
  for (const person of people) await person.start(rooms);
  for (const person of people) await person.connected();
  await ask("storm");
  await Promise.all(people.map((person) => person.simulate({ rooms, texts: 30, pause: 200, crashes: 0.03 })));
  await ask("calm");
  for (const person of people) person.signalWake();
  const began = Date.now();
  const logs = await check(people, rooms);
  const count = [...logs.values()].reduce((sum, log) => sum + log.length, 0);
  say(
    `seed ${seed}: ${count} messages, ${posts.repeats()} posted again, all checks passed ${Date.now() - began} ms after the faults ended`,
  );
});
