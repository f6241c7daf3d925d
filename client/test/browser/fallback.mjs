// Eight tabs of a browser that has no WebSockets: a few of them hold a connection, the others say so, and each can be used.
import { assert, enter, run, tab, tolerate, until } from "./app.mjs";
import { history } from "./server.mjs";

const state = async (app) => (await app.bar.innerText()).split("\n")[0].trim();
const elsewhere = "Paused, connected in other tabs";

await run(async () => {
  tolerate(/status of 404/); // the answer to a request of a connection that has just ended
  const first = await enter("Ann");
  await first.context.addInitScript(() => Reflect.deleteProperty(globalThis, "WebSocket"));
  await first.page.reload();
  await first.linked(/^Connected$/);
  const tabs = [first];
  while (tabs.length < 8) tabs.push(await tab(first.context));
  const states = () => Promise.all(tabs.map(state));
  await until("each tab is connected or says that it is not", async () =>
    (await states()).every((text) => text === "Connected" || text === elsewhere),
  );
  const connected = (await states()).filter((text) => text === "Connected").length;
  assert.ok(connected >= 1 && connected <= 3, `${connected} tabs are connected`);

  const paused = tabs[(await states()).indexOf(elsewhere)];
  await paused.show("lobby");
  await paused.type("written in a tab without a connection");
  await until("it is sent all the same", async () => (await history("lobby")).length === 1);
  await paused.button("Use this tab").click();
  await paused.linked(/^Connected$/);
  await paused.shows(["written in a tab without a connection"]);
  await until("the number of connections stays", async () => {
    const now = await states();
    return (
      now.filter((text) => text === "Connected").length <= 3 && now.every((t) => t === "Connected" || t === elsewhere)
    );
  });
});
