// Hostile messages and names are shown as plain text and do not break the layout.
import { assert, enter, run } from "./app.mjs";
import { post } from "./server.mjs";

const texts = {
  markup: `<img src=x onerror="globalThis.harmed=1"><script>globalThis.harmed=2</script><iframe src="javascript:globalThis.harmed=3"></iframe><style>*{display:none}</style>`,
  links:
    "javascript:globalThis.harmed=4 [x](javascript:globalThis.harmed=5) data:text/html,<script>globalThis.harmed=6</script> https://example.org/<script> vbscript:x",
  overrides: "\u202e\u202d\u2066\u2067\u2068 txet desrever \u202e".repeat(20),
  link: "https://example.org/\u202egpj.exe and https://exam\u200bple.org",
  long: "W".repeat(32 * 1024),
  longWords: `${"x".repeat(400)} ${"y".repeat(700)}`,
  invisible: "\u200b\u200d\u2060\ufeff\u00ad".repeat(2000) + "end",
  combining: `Z${"\u0301\u0327\u0489".repeat(1000)}a${"\u0336\u20dd".repeat(1000)}lgo`,
  lines: "\n".repeat(3000) + "end",
  separators: "one\u2028two\u2029three\u0085four",
  emoji: "👩‍👩‍👧‍👦".repeat(300),
  wide: "﷽".repeat(200),
  code: "`" + "x".repeat(5000) + "` ``` " + "y".repeat(5000) + " ```",
  backticks: "`".repeat(20_000),
  controls: "\u0001\u0007\u0008\u001b[31m\u007f",
};
/** The server rejects names in which nothing can be seen, and trims the others. */
const names = {
  long: "W".repeat(128),
  rightToLeft: "שם ארוך מימין לשמאל",
  markup: "<b onclick=globalThis.harmed=7>bold</b>",
  combining: "Z" + "\u0301\u0327".repeat(30),
  spaces: `a${" ".repeat(100)}b`,
  joiners: `\u200d${"\u200c".repeat(30)}a`,
  wideSpace: `a${"\u3000".repeat(30)}b`,
};

/** Checks the layout of the room, and returns its faults. */
function layout() {
  const faults = [];
  const width = document.documentElement.clientWidth;
  const log = document.querySelector('[data-testid="messages"]');
  if (document.scrollingElement.scrollWidth > width)
    faults.push(`the page is ${document.scrollingElement.scrollWidth} wide`);
  for (let e = log; e !== null; e = e.parentElement)
    if (e.scrollWidth > e.clientWidth + 1) faults.push(`scrolls sideways: ${e.scrollWidth} > ${e.clientWidth}`);
  let bottom = -Infinity;
  for (const row of log.querySelectorAll('[data-testid^="message-"]')) {
    const box = row.getBoundingClientRect();
    const text = row.querySelector('[data-testid="text"]').getBoundingClientRect();
    const name = row.dataset.testid;
    if (box.left < 0 || box.right > width) faults.push(`${name} is beyond the side`);
    if (box.height < 16 || box.height > 3000) faults.push(`${name} is ${box.height} high`);
    if (
      text.left < box.left - 1 ||
      text.right > box.right + 1 ||
      text.top < box.top - 1 ||
      text.bottom > box.bottom + 1
    )
      faults.push(`the text of ${name} is out of it`);
    if (box.top < bottom - 1) faults.push(`${name} is over the one before`);
    bottom = box.bottom;
  }
  if (log.querySelector("script, iframe, img, style, object, b") !== null) faults.push("text has become markup");
  for (const link of log.querySelectorAll("a")) {
    if (!/^(https?:\/\/|mailto:)/.test(link.getAttribute("href")) || link.rel.split(" ").indexOf("noopener") < 0)
      faults.push(`a link to ${link.getAttribute("href")}`);
    if (/[\u202a-\u202e\u2066-\u2069]/.test(link.textContent))
      faults.push("a link that shows another address than its target");
  }
  return faults;
}

await run(async () => {
  const all = [
    ...Object.entries(texts).map(([what, text]) => [what, text, "Mallory"]),
    ...Object.entries(names).map(([what, name]) => [`the name ${what}`, "hello", name]),
  ];
  for (const viewport of [
    { width: 390, height: 844 },
    { width: 1280, height: 800 },
  ]) {
    const room = `w${viewport.width}`;
    const person = await enter("Ann", { viewport, room: "lobby" });
    if (viewport.width < 720) await person.button("Back").click();
    await person.join(room);
    for (const [seq, [what, text, name]] of all.entries()) {
      await post(room, text, name);
      await person.sees(seq + 1);
      await person.atEnd();
      assert.deepEqual(await person.page.evaluate(layout), [], `${what}, ${viewport.width} wide`);
    }
    await person.type("an own message: " + texts.markup);
    await person.sees(all.length + 1);
    assert.deepEqual(await person.page.evaluate(layout), []);
    if (viewport.width < 720) await person.button("Back").click();
    assert.ok(
      await person.page.evaluate(() => document.scrollingElement.scrollWidth <= document.documentElement.clientWidth),
      "the list of rooms",
    );
    assert.equal(await person.page.evaluate(() => globalThis.harmed), undefined);
  }
});
