// Two users have the app in several tabs, and write in all of them. Tabs close at random, also the sending one.
import assert from "node:assert/strict";

import { check } from "./check";
import { run, say, seed } from "./host";
import { Person } from "./person";
import { countPosts } from "./posts";

const rooms = ["lobby", "garden"];

run(async () => {
  const posts = countPosts();
  const people = ["ann", "bob"].map((name) => new Person(name));
  for (const person of people) for (let tab = 0; tab < 3; tab++) await person.start(rooms);
  await Promise.all(people.map((person) => person.simulate({ rooms, texts: 100, pause: 40, crashes: 0.1 })));
  await check(people, rooms);
  const crashes = people.reduce((sum, person) => sum + person.allApps.length - person.apps.length, 0);
  assert(posts.repeats() <= crashes, `${posts.repeats()} messages posted again, after ${crashes} tabs were closed`);
  say(`seed ${seed}: ${crashes} tabs closed, ${posts.repeats()} messages posted again`);
});
