// Checks at the end of every scenario that the promises of docs/guarantees.md hold in the app.
import assert from "node:assert/strict";

import type { Message } from "../../src/core/message";
import { violations, type App } from "./app";
import { until } from "./host";
import type { Person } from "./person";
import { readLog } from "./server";

type Logs = ReadonlyMap<string, readonly Message[]>;

/** Waits until nothing is pending, then checks everything. */
export async function check(people: readonly Person[], rooms: readonly string[], token?: string): Promise<Logs> {
  await waitUntilIdle(people, rooms);
  const logs = await readLogs(people, rooms, token);
  for (const [room, log] of logs) checkLog(room, log, people);
  for (const person of people) {
    for (const app of person.apps) await checkApp(person, app, logs);
    await checkDisk(person, logs);
  }
  assert.deepEqual([...violations], [], "what a timeline has shown");
  return logs;
}

/** Waits until every app is connected and no message waits. */
async function waitUntilIdle(people: readonly Person[], rooms: readonly string[]): Promise<void> {
  for (const person of people) {
    assert(person.apps.length > 0, `${person.name} has no running app`);
    await person.connected();
    for (const app of person.apps) {
      for (const room of rooms) app.room(room);
      await until(`nothing of ${person.name}'s waits`, () => app.chat.waiting.get() === 0);
    }
  }
}

/** Waits until the logs have all texts that the apps have stored, and returns the logs. */
async function readLogs(people: readonly Person[], rooms: readonly string[], token?: string): Promise<Logs> {
  const logs = new Map<string, readonly Message[]>();
  const kept = people.flatMap((person) => person.writings.filter((w) => w.kept));
  await until("every stored text is in a log", async () => {
    for (const room of rooms) logs.set(room, await readLog(room, token));
    const texts = new Set([...logs.values()].flatMap((log) => log.map((m) => m.msg)));
    return kept.every((w) => texts.has(w.text));
  });
  return logs;
}

/** The log has no gaps. It has every stored text of each app once, in the order in which they were written. */
function checkLog(room: string, log: readonly Message[], people: readonly Person[]): void {
  assert.deepEqual(
    log.map((m) => m.seq),
    log.map((_, i) => i + 1),
    `the numbers of ${room}`,
  );
  assert.equal(new Set(log.map((m) => `${m.client_id} ${m.id}`)).size, log.length, `ids in ${room}`);
  for (const app of people.flatMap((person) => person.allApps)) {
    const written = app.writings.filter((w) => w.room === room);
    const order = new Map(written.map((w, i) => [w.text, i]));
    const found = log.flatMap((m) => order.get(m.msg) ?? []);
    assert.deepEqual(
      found,
      [...new Set(found)].sort((a, b) => a - b),
      `what ${app.chat.client} has written in ${room}: once each, in order`,
    );
    const seen = new Set(found);
    const lost = written.filter((w, i) => w.kept && !seen.has(i));
    assert.deepEqual(lost, [], `what ${app.chat.client} has written in ${room}: all of it`);
  }
}

/** The app shows exactly the server's log, and counts the unread messages correctly. */
async function checkApp(person: Person, app: App, logs: Logs): Promise<void> {
  for (const [name, log] of logs) {
    const what = `${person.name}'s ${name}`;
    const room = app.room(name);
    const shown = () => room.timeline.get();
    await until(
      `${what} has caught up`,
      () => shown().last >= log.length && (shown().messages.at(-1)?.seq ?? 0) >= log.length,
    );
    const own = () => JSON.stringify(shown().outgoing.map((m) => [m, log.find(({ id }) => id === m.id)?.seq]));
    await until(
      () => `${what} has no own messages pending: ${own()}`,
      () => shown().outgoing.length === 0,
    );
    const leave = room.open();
    while (shown().older !== "none") await room.older();
    assert.deepEqual(shown().messages, log, what);
    await checkUnread(what, app, name, log);
    leave();
    for (const [seq, id] of app.shown.get(name) ?? []) assert.equal(log[seq - 1]?.id, id, `${what} has shown ${seq}`);
  }
}

/** All messages after the last read one are unread, and a room is read at least as far as the user has read it. */
async function checkUnread(what: string, app: App, name: string, log: readonly Message[]): Promise<void> {
  const read = () => app.room(name).timeline.get().read;
  const unread = () => app.chat.rooms.get().find((s) => s.name === name)?.unread;
  await until(
    () => `${what}: ${unread()} are unread of ${log.length} after ${read()}`,
    () => unread() === log.length - read(), // the list of rooms is drawn once for all changes of a frame
  );
  const readUpTo = app.read.get(name);
  if (readUpTo === undefined) return;
  assert(read() >= readUpTo, `${what} has been read up to ${readUpTo}, not ${read()}`);
}

/** The messages on the disk are those of the server, and the outbox on the disk is empty. */
async function checkDisk(person: Person, logs: Logs): Promise<void> {
  const { disk } = person.machine;
  const waiting = () => JSON.stringify([...disk.outbox.values()]);
  await until(
    () => `${person.name}'s outbox is empty on the disk: ${waiting()}`,
    () => disk.outbox.size === 0,
  );
  for (const [name, log] of logs) {
    for (const message of disk.rooms.get(name)?.values() ?? [])
      assert.deepEqual(message, log[message.seq - 1], `${person.name}'s ${name} on the disk`);
  }
}
