// Messages as they are written and shown, their menu, links to them, and the composer: emoji, formatting, keys from anywhere, what is
// pasted and dropped, and touch screens.
import { assert, enter, run, until } from "./app.mjs";
import { url } from "./host.mjs";
import { post } from "./server.mjs";

const many = 400;

/** Returns the name of the focused element. */
const focused = (app) => app.page.evaluate(() => document.activeElement?.dataset.testid);

/** Resolves when the composer has this text. */
async function composes(app, text) {
  let last;
  await until(
    `the composer has ${JSON.stringify(text)}`,
    async () => (last = await app.composer.inputValue()) === text,
  ).catch((error) => assert.equal(last, text, error.message));
}

async function markdown(ann) {
  await post(
    "lobby",
    "**bold** and `code` and [docs](https://docs.example.org/x)\n- one\n- two\n```js\nlet x = 1\n```",
    "Bob",
  );
  const row = ann.page.locator('[data-testid^="message-"]').last();
  await row.getByText("bold", { exact: true }).waitFor();
  assert.match(await row.getByTestId("text").innerText(), /docs \(docs\.example\.org\)/);
  assert.equal(await row.getByText("js", { exact: true }).count(), 1, "the language");
  await ann.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await row.getByRole("button", { name: "Copy code" }).click();
  await ann.page.getByText("Copied").waitFor();
  assert.equal(await ann.page.evaluate(() => navigator.clipboard.readText()), "let x = 1");
}

async function places(ann) {
  await post("lobby", `see ${url}/#/lobby/40`, "Bob");
  const link = ann.log.getByRole("link", { name: `${url}/#/lobby/40` });
  await link.click();
  await ann.page.getByTestId("flashed").waitFor();
  assert.equal(ann.context.pages().length, 1, "the link opens in the app");
  assert.match(ann.page.url(), /#\/lobby\/40$/);
  await ann.page.getByTestId("message-40").focus();
  await ann.page.keyboard.press("Shift+F10");
  await ann.page.getByRole("menuitem", { name: "Copy link" }).press("Enter");
  await ann.page.getByText("Copied").waitFor();
  assert.equal(await ann.page.evaluate(() => navigator.clipboard.readText()), `${url}/#/lobby/40`);
  assert.equal(await focused(ann), "message-40", "the focus is back");
  await ann.jump.click();
  await link.waitFor();
  await ann.atEnd();
  assert.match(ann.page.url(), /#\/lobby$/);
}

async function compose(ann) {
  const keys = ann.page.keyboard;
  await ann.composer.fill("hello");
  await keys.press("Shift+Home");
  await keys.press("Control+B");
  await composes(ann, "**hello**");
  await keys.press("Control+Z");
  await composes(ann, "hello");
  await ann.composer.fill("");
  await keys.type(":tad");
  await ann.page.getByTestId("offers").waitFor();
  await keys.press("Enter");
  await composes(ann, "🎉 ");
  await keys.type(":smile:");
  await composes(ann, "🎉 😄");
  await ann.page.getByTestId("emoji").click();
  await ann.page.getByTestId("emoji-picker").getByRole("option").first().waitFor();
  await keys.type("rocket");
  await keys.press("Enter");
  await composes(ann, "🎉 😄🚀");
  await ann.page.locator('[data-testid^="message-"]').last().click();
  await keys.type("abc");
  await composes(ann, "🎉 😄🚀abc");
  await ann.composer.fill("");
  await keys.press("ArrowUp");
  assert.match(await focused(ann), /^message-/, "Arrow up leads to the newest message");
}

async function refuse(ann) {
  const alert = ann.page.getByRole("alert");
  await ann.composer.fill("my text");
  await ann.page.evaluate(() => navigator.clipboard.writeText("y".repeat(1_000_000)));
  await ann.page.keyboard.press("Control+V");
  await ann.page.getByText(/1,000,000 characters/).waitFor();
  assert.equal(await ann.composer.inputValue(), "my text");
  for (const event of ["paste", "drop"]) {
    const prevented = await ann.composer.evaluate((field, name) => {
      const data = new DataTransfer();
      data.items.add(new File(["x"], "a.png", { type: "image/png" }));
      const init = { bubbles: true, cancelable: true };
      const fired =
        name === "paste"
          ? new ClipboardEvent("paste", { ...init, clipboardData: data })
          : new DragEvent("drop", { ...init, dataTransfer: data });
      field.dispatchEvent(fired);
      return fired.defaultPrevented;
    }, event);
    assert.ok(prevented, `the browser does not open a file after ${event}`);
    await until("the refusal is shown", async () => /^Files cannot be sent/.test(await alert.innerText()));
    assert.equal(await ann.composer.inputValue(), "my text");
  }
}

await run(async () => {
  for (let n = 1; n <= many; n++) await post("lobby", `line ${n}`, n % 2 === 0 ? "Bob" : "Cleo");
  const ann = await enter("Ann");
  await ann.sees(many);
  await markdown(ann);
  await places(ann);
  await compose(ann);
  await refuse(ann);

  const tom = await enter("Tom", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await tom.composer.tap();
  await tom.page.keyboard.type("one");
  await tom.page.keyboard.press("Enter");
  await tom.page.keyboard.type("two");
  await composes(tom, "one\ntwo");
  await tom.page.getByTestId("send").tap();
  await tom.page.locator('[data-testid^="message-"]').last().getByText("two").waitFor();
  const box = await tom.page.locator('[data-testid^="message-"]').last().boundingBox();
  const devtools = await tom.context.newCDPSession(tom.page);
  const touch = (type, touchPoints) => devtools.send("Input.dispatchTouchEvent", { type, touchPoints });
  await touch("touchStart", [{ x: box.x + 120, y: box.y + box.height / 2 }]);
  await tom.page.getByRole("menuitem", { name: "Copy text" }).waitFor();
  await touch("touchEnd", []);
});
