// Forced colours keep every button and state visible, and a browser whose texts are half as large again cuts nothing off.
import { join } from "node:path";

import { assert, enter, run } from "./app.mjs";
import { pictures } from "./host.mjs";
import { post } from "./server.mjs";

/** Returns the colours that tell a state, as the browser draws them. */
const drawn = (app, selector) =>
  app.page
    .locator(selector)
    .first()
    .evaluate((element) => {
      const { backgroundColor, borderTopWidth, borderTopStyle } = getComputedStyle(element);
      const path = element.querySelector("path");
      return {
        ground: backgroundColor,
        edge: `${borderTopWidth} ${borderTopStyle}`,
        stroke: path === null ? null : getComputedStyle(path).stroke,
      };
    });

async function forcedColours() {
  const app = await enter("Ann", { forcedColors: "active" });
  await app.join("garden");
  await app.composer.fill("something");
  const send = await drawn(app, '[data-testid="send"]');
  assert.equal(send.edge, "1px solid", "the send button has an edge");
  assert.notEqual(send.stroke, send.ground, "its glyph is visible");
  const [current, other] = [
    await drawn(app, '[aria-current="page"]'),
    await drawn(app, "[data-room]:not([aria-current])"),
  ];
  assert.notEqual(current.ground, other.ground, "the visible room is marked");
  await post("lobby", "news", "Otto");
  const badge = app.page.locator('[data-testid="room-lobby"] [data-fill]').last();
  await app.page.getByRole("link", { name: /^lobby, 1 unread/ }).waitFor();
  assert.notEqual(
    await badge.evaluate((element) => getComputedStyle(element).backgroundColor),
    other.ground,
    "the badge is visible",
  );
  await app.button("Settings").click();
  const [chosen, free] = [await drawn(app, '[aria-pressed="true"]'), await drawn(app, '[aria-pressed="false"]')];
  assert.notEqual(chosen.ground, free.ground, "the choice is marked");
  await app.page.screenshot({ path: join(pictures, "forced-colours.png") });
  await app.page.keyboard.press("Escape");
}

/** Returns the controls and texts that are cut off or lie over each other. */
const faults = (app) =>
  app.page.evaluate(() => {
    const seen = (element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && box.height > 0 && getComputedStyle(element).opacity !== "0";
    };
    const cut = [...document.querySelectorAll("h1, h2, button, a, [role=status]")]
      .filter((element) => seen(element) && element.scrollHeight > element.clientHeight + 2 && element.clientHeight > 0)
      .map((element) => `${element.getAttribute("aria-label") ?? element.textContent} is cut off`);
    const rows = [...document.querySelectorAll("[data-room]")].map((row) => row.getBoundingClientRect());
    const over = rows.filter((row, n) =>
      rows.some((next, m) => m > n && next.top < row.bottom - 1 && next.bottom > row.top + 1),
    );
    return [...cut, ...over.map(() => "rows lie over each other")];
  });

async function largeTexts() {
  for (const viewport of [
    { width: 1280, height: 800 },
    { width: 390, height: 844 },
  ]) {
    const narrow = viewport.width < 720;
    const app = await enter("Bea", { viewport });
    const devtools = await app.context.newCDPSession(app.page);
    await devtools.send("Page.setFontSizes", { fontSizes: { standard: 24, fixed: 20 } });
    assert.equal(await app.page.evaluate(() => getComputedStyle(document.documentElement).fontSize), "24px");
    const size = await app.page.getByRole("heading", { name: "lobby" }).evaluate((e) => getComputedStyle(e).fontSize);
    assert.equal(size, "22.5px", "texts follow the root");
    assert.deepEqual(await faults(app), [], `a room, ${viewport.width}`);
    if (narrow) await app.button("Back").click();
    assert.deepEqual(await faults(app), [], `the list, ${viewport.width}`);
    await app.page.screenshot({ path: join(pictures, `large-texts-${viewport.width}.png`) });
    for (const opener of await app.page.locator('[aria-haspopup="dialog"]').all()) {
      await opener.click();
      await app.page.getByRole("dialog").waitFor();
      assert.deepEqual(await faults(app), [], `a dialog, ${viewport.width}`);
      await app.page.keyboard.press("Escape");
      await app.page.getByRole("dialog").waitFor({ state: "detached" });
    }
  }
}

/** Every button with a glyph says what it does, to the pointer and to the focus. */
async function tips() {
  const app = await enter("Cleo");
  const tip = app.page.getByTestId("tip");
  for (const name of ["Find a room", "About this room", "Settings"]) {
    await app.page.mouse.move(500, 400);
    await app.button(name).first().hover();
    await tip.filter({ hasText: name }).waitFor();
  }
  await app.page.mouse.move(500, 400);
  await tip.waitFor({ state: "hidden" });
  await app.composer.focus();
  await app.page.keyboard.press("Shift+Tab");
  for (let n = 0; n < 20 && !(await tip.isVisible()); n++) await app.page.keyboard.press("Shift+Tab");
  assert.equal(await tip.innerText(), await app.page.evaluate(() => document.activeElement.dataset.tip));
}

await run(async () => {
  await post("lobby", "hello", "Otto");
  await forcedColours();
  await largeTexts();
  await tips();
});
