// A user is in 220 rooms, and the server lets a connection join a hundred: the room that they look at is always joined, and the others
// are seen by their numbers.
import assert from "node:assert/strict";

import { check } from "./check";
import { run, say, seed, until } from "./host";
import { Person } from "./person";
import { fill } from "./server";

const most = 100;
const rooms = Array.from({ length: 220 }, (_, n) => `room-${n}`);

run(async () => {
  const began = Date.now();
  for (const room of rooms) await fill(room, 1);
  const ann = new Person("ann");
  const app = await ann.start(rooms);
  const summaries = () => app.chat.rooms.get();
  const beyond = () => summaries().filter(({ name, watched }) => rooms.includes(name) && !watched);
  const refused = () => rooms.filter((room) => app.room(room).timeline.get().refused !== null);
  await until("every room has its newest message", () =>
    rooms.every((room) => summaries().some(({ name, newest }) => name === room && newest !== null)),
  );
  assert(beyond().length >= rooms.length - most, `${beyond().length} rooms are not watched`);
  assert.deepEqual(refused(), [], "no room is refused for the limit");
  const arrived = new Set<string>();
  app.chat.arrivals.subscribe(({ message }) => arrived.add(message.room));

  const [first, ...others] = beyond().map(({ name }) => name);
  assert(first !== undefined);
  app.chat.prefer(first);
  const close = app.room(first).open();
  await until("the opened room is watched", () => summaries().some(({ name, watched }) => name === first && watched));
  await fill(first, 1);
  await until("the opened room is live", () => app.room(first).timeline.get().messages.length === 2, 5_000);
  close();

  for (const room of others) await fill(room, 1);
  ann.signalWake(); // the app comes to the front, and asks for the numbers at once
  await until("the others show what is new", () =>
    others.every((room) => summaries().some(({ name, unread }) => name === room && unread === 1)),
  );
  await until("what is new has arrived", () => others.every((room) => arrived.has(room)));
  for (const room of rooms) ann.write(room);
  const waking = setInterval(() => ann.signalWake(), 2_000);
  await check([ann], rooms);
  clearInterval(waking);
  assert.deepEqual(refused(), [], "no room is refused for the limit");
  say(`seed ${seed}: ${beyond().length} of ${rooms.length} rooms were not joined, ${Date.now() - began} ms in all`);
});
