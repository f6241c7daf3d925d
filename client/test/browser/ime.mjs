// Text that is composed, as in Japanese or Chinese: Enter chooses a word and sends nothing until the composition has ended.
import { assert, enter, run, until } from "./app.mjs";

await run(async () => {
  const ann = await enter("Ann");
  const devtools = await ann.context.newCDPSession(ann.page);
  const compose = (text) =>
    devtools.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
  /** An Enter that belongs to the input method, as browsers report it. */
  const choose = async () => {
    for (const type of ["rawKeyDown", "keyUp"])
      await devtools.send("Input.dispatchKeyEvent", { type, key: "Enter", code: "Enter", windowsVirtualKeyCode: 229 });
  };
  const text = () => ann.composer.inputValue();

  await ann.composer.click();
  await compose("に");
  await compose("にほん");
  assert.equal(await text(), "にほん", "the composed text is shown");
  await choose();
  await ann.page.keyboard.press("Enter");
  await ann.page.waitForTimeout(300);
  assert.deepEqual(await ann.messages(), [], "Enter in a composition does not send");
  assert.deepEqual(await ann.outgoing(), []);
  assert.match(await text(), /にほん/);

  await ann.composer.fill("");
  await compose("にほんご");
  await devtools.send("Input.insertText", { text: "日本語" });
  await until("the chosen word replaces the composed text", async () => (await text()) === "日本語");
  await ann.composer.press("Enter");
  await ann.shows(["日本語"]);
  assert.equal(await text(), "");

  await compose("안녕");
  await ann.button("Send").click();
  await ann.shows(["日本語", "안녕"]);
});
