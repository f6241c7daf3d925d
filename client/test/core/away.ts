// A user comes back to a room with 2,000 missed messages and to one with 300, and joins a new one with 700.
import assert from "node:assert/strict";

import { check } from "./check";
import { run, say, seed, until } from "./host";
import { Person } from "./person";
import { fill } from "./server";

const far = 2_000;
const near = 300;
const before = 150;

run(async () => {
  const ann = new Person("ann");
  await fill("far", before);
  await fill("near", before);
  const first = await ann.start(["far", "near"]);
  for (const name of ["far", "near"]) {
    await until(`${name} is read`, () => first.room(name).timeline.get().messages.at(-1)?.seq === before);
    first.readToEnd(name);
  }
  await check([ann], ["far", "near"]); // everything is on the disk now
  await ann.crash(first);
  await Promise.all([fill("far", far), fill("near", near), fill("new", 700)]);

  const began = Date.now();
  const app = await ann.start(["new"]);
  const shown = (name: string) => app.room(name).timeline.get();
  assert.equal(shown("near").messages.length, 0, "nothing is shown before the disk is read");
  const leaveAll = ["near", "far"].map((name) => app.room(name).open());
  await until("the stored messages are shown", () => shown("near").loaded && shown("far").loaded);
  const unread = (name: string) => app.chat.rooms.get().find((s) => s.name === name)?.unread;
  for (const [name, count, least] of [
    ["far", far, 100],
    ["near", near, 200],
    ["new", 0, 20],
  ] as const) {
    await until(
      `${name} has caught up`,
      () => shown(name).messages.at(-1)?.seq === shown(name).last && shown(name).last > before,
    );
    await until(`${name} has ${count} unread messages`, () => unread(name) === count);
    assert(shown(name).messages.length >= least, `${name} begins with ${shown(name).messages.length} messages`);
    assert.equal(shown(name).older, "some", `older ones in ${name}`);
  }
  assert(shown("far").messages.length < 1_000, "a room that is far behind is not read message by message");
  say(`seed ${seed}: caught up in ${Date.now() - began} ms`);

  for (const leave of leaveAll) leave();
  const leave = app.room("far").open();
  await until("the mark is set", () => shown("far").mark === before);
  await app.room("far").older(before + 1);
  const oldest = shown("far").messages[0]?.seq ?? 0;
  assert(oldest <= before + 1, `the oldest loaded message is ${oldest}`);
  leave();
  await check([ann], ["far", "near", "new"]);
});
