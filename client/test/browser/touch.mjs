// A touch screen: Enter makes a new line, the button sends, and a long press opens a message's menu.
import { assert, enter, run, until } from "./app.mjs";
import { post } from "./server.mjs";

const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

await run(async () => {
  const ann = await enter("Ann", phone);
  const devtools = await ann.context.newCDPSession(ann.page);
  await ann.composer.tap();
  await ann.page.keyboard.type("one");
  await ann.page.keyboard.press("Enter");
  await ann.page.keyboard.type("two");
  assert.equal(await ann.composer.inputValue(), "one\ntwo", "Enter makes a line");
  assert.deepEqual([await ann.messages(), await ann.outgoing()], [[], []]);
  await ann.page.getByTestId("send").tap();
  await ann.shows(["one\ntwo"]);

  await post("lobby", "hold me", "Bob");
  await ann.sees(2);
  const box = await ann.page.getByTestId("message-2").boundingBox();
  const point = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  await devtools.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [point] });
  const menu = ann.page.getByRole("menu");
  await menu.waitFor();
  await devtools.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await ann.page.waitForTimeout(300);
  assert.ok(await menu.isVisible(), "it stays when the finger is lifted");
  for (const name of [/Copy text/, /Copy link/]) assert.ok(await ann.page.getByRole("menuitem", { name }).isVisible());
  await ann.page.goBack();
  await menu.waitFor({ state: "detached" });
  assert.ok(await ann.composer.isVisible(), "Back closes the menu and stays in the room");

  await devtools.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [point] });
  for (let n = 1; n <= 5; n++)
    await devtools.send("Input.dispatchTouchEvent", {
      type: "touchMove",
      touchPoints: [{ x: point.x, y: point.y + 12 * n }],
    });
  await ann.page.waitForTimeout(900);
  await devtools.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  assert.equal(await menu.count(), 0, "a finger that moves scrolls");

  await ann.button("Back").tap();
  await until("the list is shown", () => ann.page.getByTestId("room-lobby").isVisible());
});
