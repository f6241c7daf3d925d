// Two people on one machine: somebody else's link asks first, each tab is one person's, also after a reload, and who signs out takes
// nobody with them. The last one who signs out leaves nothing.
import { assert, open, run, tab, tolerate, unreachable, until } from "./app.mjs";
import { ask, url } from "./host.mjs";
import { history } from "./server.mjs";

const token = (sub, seconds = 3600) => ask("token", JSON.stringify({ sub, rooms: ["lobby"], seconds }));
const link = (token) => `${url}/#token=${token}`;

/** Follows a link in a tab in which the app is open. */
const follow = (app, token) => app.page.evaluate((followed) => (location.hash = `token=${followed}`), token);
const dialog = (app) => app.page.getByRole("dialog");
const isGone = (app) => until("the dialog is closed", async () => (await dialog(app).count()) === 0);

/** Resolves when the settings say who one is. */
async function is(app, name) {
  await app.button("Settings").click();
  await dialog(app).getByText(name, { exact: true }).waitFor();
  await dialog(app).getByRole("button", { name: "Close" }).click();
  await isGone(app);
}

const kept = (app) =>
  app.page.evaluate(async () => ({
    databases: (await indexedDB.databases()).map(({ name }) => name),
    keys: [...Object.keys(localStorage), ...Object.keys(sessionStorage)],
  }));

async function signOut(app) {
  await app.button("Settings").click();
  await dialog(app).getByRole("button", { name: "Sign out" }).click();
  await app.page.getByLabel("Token", { exact: true }).waitFor();
}

await run(async () => {
  tolerate(unreachable);
  tolerate(/status of 401/);
  const [anns, bobs] = [await token("Ann"), await token("Bob")];
  const ann = await open({ at: link(anns) });
  await ann.show("lobby");
  await ann.linked(/^Connected$/);

  const bob = await tab(ann.context, link(bobs));
  await dialog(bob).getByText("You are Ann. This token is for Bob.").waitFor();
  await bob.button("Stay Ann").click();
  await isGone(bob);
  await is(bob, "Ann");

  for (const bad of ["nonsense", bobs.slice(0, -4) + "AAAA"]) {
    await follow(bob, bad);
    await dialog(bob).getByText("You are still Ann.").waitFor();
    await bob.button("Stay Ann").click();
    await isGone(bob);
  }

  await bob.show("lobby");
  await follow(bob, bobs);
  await bob.button("Go on as Bob").click();
  await isGone(bob);
  await until("the room is still in the address", () => bob.page.url().endsWith("#/lobby"));
  for (const app of [ann, bob]) await app.linked(/^Connected$/);
  await ann.type("of Ann");
  await ann.sees(1);
  await bob.type("of Bob");
  for (const app of [ann, bob]) await app.shows(["of Ann", "of Bob"]);
  assert.deepEqual(
    (await history("lobby", anns)).map((m) => `${m.msg}, ${m.client_id}`),
    ["of Ann, Ann", "of Bob, Bob"],
  );

  for (const [app, name] of [
    [ann, "Ann"],
    [bob, "Bob"],
  ]) {
    await app.page.reload();
    await is(app, name);
  }
  await is(await tab(ann.context), "Bob"); // a new tab begins as the last one who has signed in

  await ann.linked(/^Connected$/);
  await ask("kill");
  await ann.linked(/^No connection/);
  await ann.type("unsent");
  await follow(ann, bobs);
  await dialog(ann)
    .getByText(/The server does not answer now/)
    .waitFor();
  await ann.button("Stay Ann").click();
  await isGone(ann);
  await follow(ann, bobs);
  await ask("restart");
  await dialog(ann).getByText("You are Ann. This token is for Bob.").waitFor();
  await ann.button("Stay Ann").click();
  await isGone(ann);
  await ann.shows(["of Ann", "of Bob", "unsent"]);

  await signOut(ann);
  await bob.linked(/^Connected$/);
  await bob.type("still Bob");
  await bob.sees(4);
  await bob.page.reload();
  await is(bob, "Bob");
  assert.equal((await kept(ann)).keys.join().includes("identity"), false, "Ann's tab keeps no identity");
  await signOut(bob);
  await until("the device keeps nothing", async () => (await kept(bob)).databases.length === 0);
  assert.deepEqual(await kept(bob), { databases: [], keys: [] });
});
