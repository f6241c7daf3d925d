// Two tabs of one user share the name, the drafts, the read state, and the outbox. Each message is sent once, also when the
// sending tab is closed. A sign-out in one tab signs out both.
import { assert, enter, run, tab, tolerate, unreachable, until } from "./app.mjs";
import { ask } from "./host.mjs";
import { history, post } from "./server.mjs";

const badge = (app, room) => app.page.getByTestId(`room-${room}`).getAttribute("aria-label");

await run(async () => {
  tolerate(unreachable);
  const one = await enter("Ann");
  const posts = [];
  one.context.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/messages")) posts.push(request.postDataJSON());
  });
  const two = await tab(one.context);
  await two.show("lobby");
  await two.linked(/^Connected$/);

  await one.composer.fill("a draft");
  await until("the draft is in the other tab", async () => (await two.composer.inputValue()) === "a draft");
  await two.composer.press("Enter");
  const empty = async () => (await one.composer.inputValue()) === "" && (await two.composer.inputValue()) === "";
  await until("the draft is empty in both", empty);

  for (let n = 0; n < 20; n++) {
    const [app, other] = n % 2 === 0 ? [one, two] : [two, one];
    await app.type(`text ${n}`);
    await other.log.getByText(`text ${n}`, { exact: true }).waitFor(); // so that the other tab writes after it
    await until("the draft is empty in both", empty);
  }
  for (const app of [one, two]) await app.sees(21);
  assert.deepEqual(
    (await history("lobby")).map((m) => m.msg),
    ["a draft", ...Array.from({ length: 20 }, (_, n) => `text ${n}`)],
  );
  assert.deepEqual(await one.readAll(), await two.readAll());
  assert.equal(posts.length, 21, "posts of both tabs");
  assert.equal(new Set(posts.map((p) => p.id)).size, 21);

  await one.join("side");
  await two.show("side");
  await one.show("lobby");
  await two.show("lobby");
  await one.page.bringToFront();
  await post("side", "hello");
  for (const app of [one, two])
    await until("the room has an unread message", async () => /1 unread/.test(await badge(app, "side")));
  await one.show("side");
  for (const app of [one, two])
    await until("it has been read in both", async () => !/unread/.test(await badge(app, "side")));
  await one.show("lobby");

  await ask("kill");
  await one.linked(/^No connection/);
  await one.type("written in the tab that is closed");
  await until(
    "it waits in both",
    async () => (await one.outgoing()).length === 1 && (await two.outgoing()).length === 1,
  );
  await one.page.close();
  await two.type("written in the other");
  await ask("restart");
  await two.linked(/^Connected$/);
  await two.sees(23);
  assert.deepEqual(
    (await history("lobby")).slice(21).map((m) => m.msg),
    ["written in the tab that is closed", "written in the other"],
  );

  const three = await tab(two.context);
  await three.linked(/^Connected$/);
  await three.button("Settings").click();
  await three.page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  for (const app of [two, three]) await app.page.getByLabel("Your name").waitFor();
  const left = await three.page.evaluate(async () => ({
    databases: await indexedDB.databases(),
    keys: Object.keys(localStorage),
  }));
  assert.deepEqual(left.databases, [], "nothing is left on the device");
});
