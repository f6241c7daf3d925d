// Two users in one room: each sees the messages of the other, and both see the order of the server's log.
import { assert, enter, run } from "./app.mjs";
import { history, post } from "./server.mjs";

const hostile = `<img src=x onerror="globalThis.harmed=1"><script>globalThis.harmed=2</script> "'\`\${1}`;

await run(async () => {
  const [ann, bob] = [await enter("Ann"), await enter("Bob")];
  const said = ["Hello, Bob", "שלום 👋 مرحبا", hostile, "two\nlines"];
  await ann.type(said[0]);
  await bob.shows(said.slice(0, 1));
  await bob.type(said[1]);
  await ann.shows(said.slice(0, 2));
  await ann.type(said[2]);
  await bob.shows(said.slice(0, 3));
  await bob.composer.fill("two");
  await bob.composer.press("Shift+Enter");
  await bob.composer.pressSequentially("lines");
  await bob.composer.press("Enter");
  await ann.shows(said);
  await post("lobby", "from elsewhere", hostile.slice(0, 100));
  said.push("from elsewhere");

  const both = [ann, bob].map(async (person, which) => {
    for (let n = 0; n < 20; n++) await person.type(`${which} says ${n}`);
  });
  await Promise.all(both);
  for (const person of [ann, bob]) await person.sees(said.length + 40);
  const log = await history("lobby");
  assert.deepEqual(
    log.slice(0, said.length).map((m) => m.msg),
    said,
  );
  for (const person of [ann, bob]) {
    assert.deepEqual(
      await person.readAll(),
      log.map((m) => ({ seq: m.seq, text: m.msg })),
    );
    assert.equal(await person.page.evaluate(() => globalThis.harmed), undefined);
  }
  await ann.page.reload();
  await ann.sees(log.length);
  assert.deepEqual(
    await ann.readAll(),
    log.map((m) => ({ seq: m.seq, text: m.msg })),
    "after a reload",
  );
});
