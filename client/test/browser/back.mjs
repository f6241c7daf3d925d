// Back closes what is open first, then the room: on a phone and on a desktop. Addresses lead to rooms and messages, joined or not.
import { assert, enter, open, run, until } from "./app.mjs";
import { url } from "./host.mjs";
import { post } from "./server.mjs";

const phone = { width: 390, height: 844 };
const closed = (app) => app.page.getByRole("dialog").waitFor({ state: "detached" });

async function onPhone() {
  const app = await enter("Ann", { viewport: phone, hasTouch: true });
  await app.button("About this room").click();
  await app.page.getByRole("dialog").waitFor();
  await app.page.goBack();
  await closed(app);
  await app.composer.waitFor(); // still in the room
  await app.page.goBack();
  await app.page.getByTestId("room-lobby").waitFor();

  // A dialog that was closed by its button leaves nothing behind.
  await app.show("lobby");
  await app.button("About this room").click();
  await app.button("Close").click();
  await closed(app);
  await app.page.goBack();
  await app.page.getByTestId("room-lobby").waitFor();

  // A room that is chosen in a dialog takes its place.
  await app.join("garden");
  await app.page.goBack();
  await app.page.getByTestId("room-garden").waitFor();
  assert.equal(await app.page.getByRole("dialog").count(), 0);

  await app.show("garden");
  await app.button("About this room").click();
  await app.button("Leave the room").click();
  await app.button("Leave the room").click();
  await app.page.getByTestId("room-lobby").waitFor();
  await until("the room is left", async () => (await app.page.getByTestId("room-garden").count()) === 0);
  assert.equal(app.room(), null);
}

async function byAddress() {
  const app = await open({ at: `${url}/#/lobby/3` });
  await app.signIn("Bea");
  await app.sees(3);
  assert.equal(app.room(), "lobby");
  await app.page.goto(`${url}/#/kitchen`);
  await app.page.getByText("You are not in this room").waitFor();
  await app.page.getByText("Join kitchen to read its 1 message.").waitFor();
  await app.page.getByRole("main").getByRole("button", { name: "Join kitchen" }).click();
  await app.sees(1);
  await app.page.goto(`${url}/#/nowhere`);
  await app.page.getByText("There is no room nowhere yet").waitFor();
  await app.button("Create nowhere").click();
  await app.page.getByRole("heading", { name: "nowhere" }).waitFor();
  await app.page.goBack();
  await app.page.getByRole("heading", { name: "kitchen" }).waitFor();
}

await run(async () => {
  for (let n = 1; n <= 5; n++) await post("lobby", `line ${n}`, "Otto");
  await post("kitchen", "knife", "Otto");
  await onPhone();
  await byAddress();
});
