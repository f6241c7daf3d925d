// The keyboard's shortcuts: they lead to every room, close what is open, return the focus, and leave fields and input methods alone.
import { assert, enter, run, until } from "./app.mjs";
import { post } from "./server.mjs";

const marked = (app) => app.page.evaluate(() => document.activeElement?.dataset.testid ?? "");

await run(async () => {
  for (const room of ["alpha", "beta", "gamma", "delta"]) await post(room, `first in ${room}`, "Otto");
  const ann = await enter("Ann");
  const keys = ann.page.keyboard;
  for (const room of ["alpha", "beta", "gamma"]) await ann.join(room);
  await ann.composer.waitFor();

  // Ctrl+K: one's own rooms by their letters, then the server's.
  await until("the composer has the focus", async () => (await marked(ann)) === "composer");
  await keys.press("Control+k");
  await keys.type("aph");
  await ann.page.getByTestId("directory-alpha").waitFor();
  await keys.press("Enter");
  await ann.page.getByRole("heading", { name: "alpha" }).waitFor();
  await keys.press("Control+k");
  await keys.type("delta");
  await keys.press("Enter"); // before the server has answered
  await ann.page.getByRole("heading", { name: "delta" }).waitFor();
  assert.equal(await ann.page.getByRole("dialog").count(), 0);

  // Alt and the arrows, in the order of the list.
  const order = await ann.rooms();
  await ann.show(order[0]);
  await keys.press("Alt+ArrowDown");
  await until("the next room", () => ann.room() === order[1]);
  await keys.press("Alt+ArrowUp");
  await keys.press("Alt+ArrowUp");
  await until("around the end", () => ann.room() === order.at(-1));
  await post("beta", "news", "Otto");
  await ann.page.getByRole("link", { name: /^beta, 1 unread/ }).waitFor();
  await keys.press("Alt+Shift+ArrowDown");
  await until("the unread room", () => ann.room() === "beta");

  // Escape closes what is open, and the focus returns.
  await until("the composer has the focus", async () => (await marked(ann)) === "composer");
  await keys.press("Control+k");
  await ann.page.getByRole("dialog").waitFor();
  await keys.press("Escape");
  await ann.page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await marked(ann), "composer");

  // "?" is a character while somebody writes, and a shortcut otherwise.
  await keys.type("really?");
  assert.equal(await ann.composer.inputValue(), "really?");
  assert.equal(await ann.page.getByRole("dialog").count(), 0);
  await ann.page.getByTestId("rooms").locator("a").first().focus();
  await keys.press("?");
  await ann.page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
  await keys.press("Control+k"); // is the dialog's now, and not the browser's
  assert.equal(await ann.page.getByRole("dialog").count(), 1);
  await keys.press("Escape");
  await ann.page.getByRole("dialog").waitFor({ state: "detached" });

  // A key that an input method takes is no shortcut.
  await ann.page.evaluate(() => {
    const event = new KeyboardEvent("keydown", { key: "k", ctrlKey: true, isComposing: true, bubbles: true });
    document.querySelector('[data-testid="composer"]').dispatchEvent(event);
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(await ann.page.getByRole("dialog").count(), 0);
});
