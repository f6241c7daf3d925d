// The server is killed and restarted twice while two users write. Each app shows that messages wait, then sends and catches up
// by itself. No message is lost or doubled, and both users see the same order.
import { assert, enter, run, tolerate, unreachable, until } from "./app.mjs";
import { ask } from "./host.mjs";
import { history } from "./server.mjs";

const each = 100;
const names = ["Ann", "Bob"];

await run(async () => {
  tolerate(unreachable);
  const people = [await enter(names[0]), await enter(names[1])];
  const written = [0, 0];
  const writing = people.map(async (person, which) => {
    for (; written[which] < each; written[which]++) await person.type(`${names[which]} ${written[which]}`);
  });
  for (const share of [0.2, 0.6]) {
    await until(`${share} of all is written`, () => Math.min(...written) > share * each);
    await ask("kill");
    const [before] = written;
    for (const person of people) await person.linked(/^No connection to the server, \d+ messages? waiting/);
    await until("the users continue to write", () => written[0] >= Math.min(each, before + 10));
    await ask("restart");
    await people[0].linked(/^Connected/);
  }
  await Promise.all(writing);

  for (const person of people) {
    await person.linked(/^Connected$/);
    await until("nothing waits", async () => (await person.outgoing()).length === 0, 40);
    await person.sees(2 * each);
  }
  const log = await history("lobby");
  assert.equal(log.length, 2 * each);
  for (const name of names) {
    const texts = log.filter((m) => m.client_id === name).map((m) => m.msg);
    assert.deepEqual(
      texts,
      Array.from({ length: each }, (_, n) => `${name} ${n}`),
      `the messages of ${name}, once each, in the order in which they were written`,
    );
  }
  for (const person of people)
    assert.deepEqual(
      await person.readAll(),
      log.map((m) => ({ seq: m.seq, text: m.msg })),
    );
});
