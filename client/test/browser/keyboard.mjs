// A conversation with the keyboard only. Checks the announcements for screen readers, and that nothing moves with reduced motion.
import { assert, enter, open, run, until } from "./app.mjs";
import { post } from "./server.mjs";
import { talk } from "./team.mjs";

/** Returns the focused element: its test id, its name, and whether it is in a dialog. */
const focused = (app) =>
  app.page.evaluate(() => {
    const e = document.activeElement;
    return {
      mark: e?.dataset.testid ?? "",
      name: e?.getAttribute("aria-label") ?? e?.textContent ?? "",
      inDialog: e?.closest('[role="dialog"]') !== null,
    };
  });

/** Presses Tab until the element has the focus. */
async function tabTo(app, what, reached) {
  for (let n = 0; n < 40; n++) {
    if (reached(await focused(app))) return;
    await app.page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not lead to ${what}`);
}

/** A room whose messages have different heights opens at its end. */
async function opensAtEnd() {
  for (const [who, text] of [...talk.general, ...talk.backend]) await post("team", text, who);
  const app = await enter("Cleo", { reducedMotion: "reduce" });
  await app.join("team");
  await app.log.press("End");
  await app.sees(talk.general.length + talk.backend.length);
  await app.atEnd();
  await app.show("lobby");
  await app.show("team");
  await app.page.waitForTimeout(300);
  await app.atEnd();
}

await run(async () => {
  await opensAtEnd();
  const bob = await enter("Bob");
  const ann = await open({ reducedMotion: "reduce" });
  const keys = ann.page.keyboard;
  await ann.page.getByLabel("Your name").waitFor();
  await tabTo(ann, "the name", (f) => f.name === "Your name");
  await keys.type("Ann");
  await keys.press("Enter");
  await ann.linked(/^Connected/);

  await tabTo(ann, "Find a room", (f) => /^Find a room/.test(f.name));
  await keys.press("Enter");
  await ann.page.getByRole("dialog").waitFor();
  for (let n = 0; n < 12; n++) {
    assert.ok((await focused(ann)).inDialog, "the dialog keeps the focus");
    await keys.press(n < 8 ? "Tab" : "Shift+Tab");
  }
  await keys.press("Escape");
  await ann.page.getByRole("dialog").waitFor({ state: "detached" });
  assert.match((await focused(ann)).name, /^Find a room/, "the focus is back");
  await keys.press("Enter");
  await tabTo(ann, "the room's name", (f) => f.name === "Room");
  await keys.type("garden");
  await ann.page.getByRole("option", { name: /^garden/ }).waitFor();
  await keys.press("Enter");
  await ann.page.getByRole("heading", { name: "garden" }).waitFor();

  await tabTo(ann, "the lobby", (f) => f.mark === "room-lobby");
  await keys.press("Enter");
  await ann.page.getByRole("heading", { name: "lobby" }).waitFor();
  await tabTo(ann, "the composer", (f) => f.mark === "composer");
  await keys.type("hello, Bob");
  await keys.press("Enter");
  await bob.shows(["hello, Bob"]);
  await bob.type("hello, Ann");
  await until("the answer is announced", async () => /Bob: hello, Ann/.test((await ann.announcer.textContent()) ?? ""));
  assert.deepEqual(
    await ann.announcer.evaluate((e) => [e.getAttribute("aria-live"), e.closest('[aria-hidden="true"]')]),
    ["polite", null],
  );
  assert.equal((await focused(ann)).mark, "composer", "the focus stays");

  for (let n = 0; n < 40; n++) await bob.type(`line ${n}`);
  await ann.sees(42);
  await ann.atEnd();
  await tabTo(ann, "the messages", (f) => f.mark === "messages" || /^Messages in lobby/.test(f.name));
  await keys.press("Home");
  await ann.sees(1);
  assert.deepEqual(
    await ann.page.evaluate(
      () => document.getAnimations().filter((a) => a.effect.getComputedTiming().duration > 1).length,
    ),
    0,
    "nothing moves",
  );
  await keys.press("End");
  await ann.sees(42);
  await ann.atEnd();
});
