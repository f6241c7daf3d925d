// Back from lunch: what came while nobody looked is unread, starts at a line, and is read when the reader has passed it.
import { assert, enter, run, until } from "./app.mjs";
import { post } from "./server.mjs";

const before = 20;
const missed = 45;

/** Takes the attention from the page, as when another window is in front, or gives it back. */
async function attend(app, attentive) {
  await app.page.evaluate((attentive) => {
    document.hasFocus = () => attentive;
    window.dispatchEvent(new Event(attentive ? "focus" : "blur"));
  }, attentive);
}

const unread = async (app, room) =>
  Number(/(\d+) unread/.exec((await app.page.getByTestId(`room-${room}`).getAttribute("aria-label")) ?? "")?.[1] ?? 0);
const titled = async (app) => Number(/\((\d+)\)/.exec(await app.page.title())?.[1] ?? 0);

/** Resolves when the list of rooms tells so many unread messages, and the title, too. */
const counts = (app, room, count) =>
  until(`${count} are unread`, async () => (await unread(app, room)) === count && (await titled(app)) === count);

await run(async () => {
  for (let n = 1; n <= before; n++) await post("team", `before lunch ${n}`, "Otto");
  const ann = await enter("Ann");
  await ann.join("team");
  await ann.sees(before);
  await ann.atEnd();
  await counts(ann, "team", 0);

  await attend(ann, false);
  for (let n = 1; n <= missed; n++)
    await post("team", n === 4 ? "Ann, the customer calls at 13:00" : `while you were away ${n}`, "Noor");
  await counts(ann, "team", missed);

  await attend(ann, true);
  const pill = ann.page.getByTestId("first-unread");
  if (await pill.isVisible()) await pill.click();
  await until("the line is in view above the first unread message", async () => {
    const [line, first] = [
      await ann.page.getByTestId("unread").boundingBox(),
      await ann.page.getByTestId(`message-${before + 1}`).boundingBox(),
    ];
    return line !== null && first !== null && line.y > 0 && line.y < first.y && first.y < 700;
  });
  await ann.page.waitForTimeout(1_500); // time for what would mark the rest as read
  const left = await unread(ann, "team");
  assert.ok(left > 0 && left < missed, `what is in view is read, and what is below is not: ${left} are unread`);
  await ann.button(`Jump to the latest, ${left} new`).waitFor();

  await ann.jump.click();
  await ann.sees(before + missed);
  await ann.atEnd();
  await counts(ann, "team", 0);
  await attend(ann, false);
  await attend(ann, true);
  await until("the line is gone when all was read", async () => (await ann.page.getByTestId("unread").count()) === 0);
});
