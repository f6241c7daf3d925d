// Every screen in light and dark, on a phone and on a desktop, also in Arabic: axe finds no fault, and every control stays
// visible and uncovered when text is twice as large.
import { AxeBuilder } from "@axe-core/playwright";

import { assert, enter, open, run } from "./app.mjs";
import { post } from "./server.mjs";

const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 800 };

/** Fails if axe finds a fault in the current screen, in light or dark. */
async function examine(app, what) {
  for (const colorScheme of ["light", "dark"]) {
    await app.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await new AxeBuilder({ page: app.page }).analyze();
    const found = violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary}`));
    assert.deepEqual(found, [], `${what}, ${colorScheme}`);
  }
}

/** Fails unless all of these elements are on the screen and uncovered. */
async function within(app, marks, what) {
  const faults = await app.page.evaluate(
    (ids) =>
      ids.flatMap((id) => {
        const element = document.querySelector(`[data-testid="${id}"]`);
        if (element === null) return [`${id} does not exist`];
        const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
        if (left < 0 || top < 0 || right > innerWidth + 1 || bottom > innerHeight + 1 || width < 20 || height < 20)
          return [`${id} is at ${[left, top, right, bottom]} of ${innerWidth}x${innerHeight}`];
        const over = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
        return element.contains(over) || over?.contains(element) ? [] : [`${id} is covered`];
      }),
    marks,
  );
  assert.deepEqual(faults, [], what);
  assert.ok(
    await app.page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth),
    `${what} scrolls sideways`,
  );
}

/** Goes through all screens. */
async function tour(viewport, locale) {
  const what = `${viewport.width} ${locale}`;
  const narrow = viewport.width < 720;
  const app = await open({ viewport, locale });
  await app.page.getByRole("textbox").waitFor();
  await examine(app, `sign-in ${what}`);
  await app.page.getByRole("textbox").fill("Ann");
  await app.page.getByRole("textbox").press("Enter");
  await app.page.getByTestId("room-lobby").waitFor();
  await examine(app, `rooms ${what}`);
  await app.page.getByTestId("room-lobby").click();
  await app.sees(6);
  await app.composer.fill("a draft");
  await examine(app, `room ${what}`);
  if (narrow) await app.page.goBack();
  for (const opener of await app.page.locator('[aria-haspopup="dialog"]').all()) {
    await opener.click();
    await app.page.getByRole("dialog").waitFor();
    await examine(app, `the dialog of ${await opener.evaluate((e) => e.ariaLabel ?? e.textContent)}, ${what}`);
    await app.page.keyboard.press("Escape");
    await app.page.getByRole("dialog").waitFor({ state: "detached" });
  }
}

await run(async () => {
  for (const [n, text] of [
    "Hello",
    "See https://example.org/ and `code`",
    "مرحبا",
    "```\nfence\n```",
    "long ".repeat(600),
    "end",
  ].entries())
    await post("lobby", text, `person ${n % 2}`);
  await tour(desktop, "en");
  await tour(phone, "en");
  await tour(phone, "ar");
  for (const viewport of [
    { width: 640, height: 400 },
    { width: 320, height: 568 },
  ]) {
    // a desktop at 200 %, a small phone
    const app = await enter("Bea", { viewport, deviceScaleFactor: 2 });
    await app.sees(6);
    await within(app, ["composer", "send", "messages"], `${viewport.width} wide`);
    await app.button("Back").click();
    await within(app, ["room-lobby"], `${viewport.width} wide`);
  }
});
