// Notifications while the app is open: offered after the first message that was missed, by the level of each room, once for all
// tabs, and never for what the user looks at. The page's title and icon show that something is unread.
import { assert, enter, run, tab, until } from "./app.mjs";
import { post } from "./server.mjs";

/** Stands in for the browser's notifications, which a browser without a window does not show. It records them, for all tabs. */
function recorder() {
  class Recorder {
    static get permission() {
      return localStorage.getItem("test permission") ?? "default";
    }
    static async requestPermission() {
      localStorage.setItem("test permission", "granted");
      localStorage.setItem("test asked", String(1 + Number(localStorage.getItem("test asked"))));
      return "granted";
    }
    constructor(title, { body, data }) {
      const shown = JSON.parse(localStorage.getItem("test shown") ?? "[]");
      localStorage.setItem("test shown", JSON.stringify([...shown, { title, body, data }]));
      globalThis.lastOfTest = this;
    }
    close() {}
  }
  globalThis.Notification = Recorder;
  // A page that is not in front has no focus.
  globalThis.frontOfTest = true;
  document.hasFocus = () => globalThis.frontOfTest;
}

const shown = (app) => app.page.evaluate(() => JSON.parse(localStorage.getItem("test shown") ?? "[]"));
const asked = (app) => app.page.evaluate(() => Number(localStorage.getItem("test asked")));
const offer = (app) => app.page.getByTestId("notifications-offer");

/** Brings a tab to the front, or to the back. */
const front = (app, is) =>
  app.page.evaluate((now) => {
    globalThis.frontOfTest = now;
    window.dispatchEvent(new Event(now ? "focus" : "blur"));
  }, is);

async function setLevel(app, room, level) {
  await app.show(room);
  await app.button("About this room").click();
  await app.button(level).click();
  await app.button("Close").click();
  await app.page.getByRole("dialog").waitFor({ state: "detached" });
}

await run(async () => {
  const ann = await enter("Ann");
  await ann.context.addInitScript(recorder);
  await ann.page.reload();
  await ann.linked(/^Connected/);
  for (const room of ["garden", "quiet", "named"]) await ann.join(room);
  await setLevel(ann, "quiet", "Nothing");
  await setLevel(ann, "named", "Mentions only");
  await ann.show("lobby");

  // Nothing is asked at the start, and not while the user is there.
  await post("garden", "first", "Bob");
  await ann.page.getByRole("link", { name: /^garden, 1 unread/ }).waitFor();
  assert.equal(await ann.page.title(), "(1) Restante");
  assert.match(await ann.page.locator('link[rel="icon"]').getAttribute("href"), /unread/);
  assert.deepEqual([await offer(ann).count(), await asked(ann)], [0, 0]);
  await front(ann, false);
  await post("garden", "second", "Bob");
  await offer(ann).waitFor();
  assert.equal(await asked(ann), 0, "the browser asks only when the user wants it");
  await front(ann, true);
  await offer(ann).getByRole("button", { name: "Show notifications" }).click();
  await offer(ann).waitFor({ state: "detached" });
  assert.equal(await asked(ann), 1);

  // One for each message, in two tabs.
  const second = await tab(ann.context, `${new URL(ann.page.url()).origin}/#/lobby`);
  await second.linked(/^Connected/);
  await front(ann, false);
  await front(second, false);
  await post("garden", "third **bold**", "Bob");
  await until("a notification", async () => (await shown(ann)).length > 0);
  const [notification] = await shown(ann);
  assert.deepEqual([notification.title, notification.data], ["Bob in garden", { room: "garden", seq: 3 }]);

  await post("quiet", "@Ann nobody hears this", "Bob");
  await post("named", "not this", "Bob");
  await post("named", "but this, @Ann", "Bob");
  await until("a mention", async () => (await shown(ann)).length > 1);
  await front(second, true); // the second tab shows the lobby
  await post("lobby", "seen at once", "Bob");
  await second.log.getByText("seen at once").waitFor();
  await post("garden", "fourth", "Bob");
  await until("the last notification", async () => (await shown(ann)).length > 2);
  assert.deepEqual(
    (await shown(ann)).map(({ data }) => `${data.room} ${data.seq}`),
    ["garden 3", "named 2", "garden 4"],
  );

  // A press opens the room at the message.
  const leader = (await ann.page.evaluate(() => "lastOfTest" in globalThis)) ? ann : second;
  await leader.page.evaluate(() => globalThis.lastOfTest.onclick());
  await until("the room of the notification", () => leader.room() === "garden");
  assert.match(leader.page.url(), /#\/garden\/4$/);
  await front(leader, true);
  await leader.sees(4);
  await leader.button("Settings").click();
  await leader.button("Off").click();
  assert.equal(await leader.page.evaluate(() => localStorage.getItem("restante notifications") ?? "off"), "off");
});
