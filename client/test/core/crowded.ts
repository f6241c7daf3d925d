// Three users are in sixty rooms each, and the server limits the requests of an address: every message arrives, although late.
import assert from "node:assert/strict";

import { check } from "./check";
import { run, say, seed } from "./host";
import { Person } from "./person";
import { countPosts } from "./posts";

const rooms = Array.from({ length: 60 }, (_, n) => `room-${n}`);

run(async () => {
  const posts = countPosts();
  const began = Date.now();
  const people = ["ann", "bob", "cem"].map((name) => new Person(name));
  for (const person of people) await person.start(rooms);
  for (const person of people) for (const room of rooms) person.write(room);
  await Promise.all(people.map((person) => person.simulate({ rooms, texts: 5, pause: 5, crashes: 0.05 })));
  await check(people, rooms);
  assert(posts.repeats() > 0, "the limits were reached");
  say(`seed ${seed}: ${posts.repeats()} messages posted again, ${Date.now() - began} ms in all`);
});
