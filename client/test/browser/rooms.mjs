// The list of rooms: presses go where they were aimed at while messages change the order, rows are links, many rooms are drawn in
// parts, and rooms are found on the server among nine hundred that begin alike.
import { assert, enter, run, until } from "./app.mjs";
import { url } from "./host.mjs";
import { post } from "./server.mjs";

const names = Array.from({ length: 12 }, (_, n) => `room-${String(n).padStart(2, "0")}`);

/** Posts five messages a second to the rooms until the returned function is called. Returns how many were posted. */
function traffic(rooms) {
  let stopped = false;
  let count = 0;
  const done = (async () => {
    while (!stopped) {
      await post(rooms[Math.floor(Math.random() * rooms.length)], `busy ${count++}`, "Otto");
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  return async () => {
    stopped = true;
    await done;
    return count;
  };
}

/** Presses twenty rows with the mouse, each a moment after the person has seen it. Returns what was hit instead of each. */
async function pressRows(app) {
  const wrong = [];
  await app.page.mouse.move(150, 300);
  for (let n = 0; n < 20; n++) {
    const rows = await app.page
      .locator("[data-room]")
      .evaluateAll((all) => all.map((row) => [row.dataset.room, row.getBoundingClientRect()]));
    const before = app.room();
    const [aim, box] = rows.filter(([name, { y }]) => name !== before && y > 60 && y < 690)[n % 9];
    await new Promise((resolve) => setTimeout(resolve, 300));
    await app.page.mouse.move(150, box.y + box.height / 2);
    await app.page.mouse.down();
    await new Promise((resolve) => setTimeout(resolve, 90));
    await app.page.mouse.up();
    await until(`${before} is left`, () => app.room() !== before);
    if (app.room() !== aim) wrong.push([aim, app.room()]);
  }
  return wrong;
}

/** Nothing is concluded from a part of a list, and typing on leads to each room. */
async function findAmongMany(app) {
  await app.find("project-");
  await app.page.getByText("More rooms begin with this: type on.").waitFor();
  assert.equal(await app.page.getByRole("option", { name: /Create/ }).count(), 0);
  await app.page.getByRole("combobox").fill("project-87");
  const option = app.page.getByTestId("directory-project-877");
  await option.waitFor();
  assert.match((await option.getAttribute("aria-label")) ?? "", /^project-877, 1 message, Join$/);
  await option.click();
  await app.page.getByRole("heading", { name: "project-877" }).waitFor();
  await app.sees(1);

  await app.find("project-877");
  await until("the app says that one is in it", async () =>
    /You are in it, Open/.test((await app.page.getByTestId("directory-project-877").getAttribute("aria-label")) ?? ""),
  );
  assert.equal(await app.page.getByRole("option", { name: /Create/ }).count(), 0);
  await app.page.getByRole("combobox").fill("My Room");
  await app.page.getByText("A name has no spaces.").waitFor();
  await app.button("Use my-room").click();
  await app.page.getByRole("option", { name: "my-room, Create this room" }).click();
  await app.page.getByRole("heading", { name: "my-room" }).waitFor();
}

await run(async () => {
  for (let n = 0; n < 900; n += 30) {
    const some = Array.from({ length: 30 }, (_, i) => `project-${String(n + i).padStart(3, "0")}`);
    await Promise.all(some.map((name) => post(name, "start", "Otto")));
  }
  for (const name of names) await post(name, `first in ${name}`, "Otto");
  const ann = await enter("Ann");
  await findAmongMany(ann);
  for (const name of names) await ann.join(name);

  const stop = traffic(names.slice(1));
  const wrong = await pressRows(ann);
  const posted = await stop();
  assert.deepEqual(wrong, [], `with ${posted} messages meanwhile`);
  assert.ok(posted > 20, `${posted} messages`);
  await post("my-room", "the latest", "Otto");
  await ann.page.getByRole("link", { name: /^my-room, 1 unread/ }).waitFor();
  assert.notEqual((await ann.rooms())[0], "my-room", "the order stays while the pointer is in the list");
  await ann.page.mouse.move(800, 300);
  await until("the order is that of the messages again", async () => (await ann.rooms())[0] === "my-room");

  const row = ann.page.getByTestId("room-room-03");
  assert.equal(await row.evaluate((element) => element.href), `${url}/#/room-03`);
  const opened = ann.context.waitForEvent("page");
  await row.click({ button: "middle" });
  const other = await opened;
  await other.waitForURL(/#\/room-03$/);
  await other.close();
  await row.focus();
  await ann.page.keyboard.press("ArrowDown");
  await until("the arrow moves the focus to the next row", () =>
    ann.page.evaluate(
      () => document.activeElement?.dataset.room !== "room-03" && "room" in document.activeElement.dataset,
    ),
  );
});
