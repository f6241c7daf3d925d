// A server with authentication: the app asks for a token, accepts one in its address and removes it from there, shows when it
// has expired, continues with another one, and offers only what the token allows.
import { assert, open, run, tolerate, until } from "./app.mjs";
import { ask, url } from "./host.mjs";
import { history } from "./server.mjs";

const token = (claims) => ask("token", JSON.stringify(claims));

await run(async () => {
  tolerate(/status of 40[13]|WebSocket connection to/);
  const ann = await open();
  await ann.enterToken("nonsense");
  await ann.page.getByRole("alert").waitFor();
  await ann.enterToken(await token({ sub: "Ann", rooms: ["lobby"], seconds: 5 }));
  await ann.show("lobby");
  await ann.type("before");
  await ann.sees(1);

  await ann.linked(/^The token is not valid any more/);
  await ann.type("while it is not");
  await ann.linked(/1 message waiting/);
  await ann.button("Enter a new token").click();
  await ann.page
    .getByLabel("Token", { exact: true })
    .fill(await token({ sub: "Ann", rooms: ["lobby"], seconds: 3600 }));
  await ann.page.getByLabel("Token", { exact: true }).press("Enter");
  await ann.linked(/^Connected$/);
  await ann.type("after");
  await ann.shows(["before", "while it is not", "after"]);
  assert.deepEqual(
    (await history("lobby", await token({ sub: "x", rooms: ["lobby"], seconds: 60 }))).map((m) => m.msg),
    ["before", "while it is not", "after"],
  );

  const bobs = await token({ sub: "Bob", rooms: ["lobby"], publish: false, seconds: 3600 });
  const bob = await open({ at: `${url}/#token=${bobs}` });
  await until("the token is removed from the address", () => !bob.page.url().includes("token"));
  assert.equal(await bob.page.evaluate(() => location.hash.includes("token") || document.referrer !== ""), false);
  await bob.show("lobby");
  await bob.shows(["before", "while it is not", "after"]);
  await bob.page.getByText("You may read here, but not write.").waitFor();
  assert.equal(await bob.composer.count(), 0, "Bob may only read");

  const cy = await open({ at: `${url}/#token=${await token({ sub: "Cy", rooms: ["team"], seconds: 3600 })}` });
  await cy.show("team");
  assert.equal(await cy.page.getByTestId("room-lobby").count(), 0);
  await cy.type("hello, team");
  await cy.shows(["hello, team"]);
  await cy.join("lobby");
  await cy.page.getByText(/may not read/).waitFor();

  // This link is followed while the page is open and another client is signed in. It asks first.
  await cy.page.evaluate((token) => {
    location.hash = `token=${token}`;
  }, bobs);
  await until("the token is removed from the address", () => !cy.page.url().includes("token"));
  await cy.button("Go on as Bob").click();
  await cy.show("lobby");
  await cy.shows(["before", "while it is not", "after"]);
});
