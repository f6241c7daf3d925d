// Dates and times are written as on the device, in every language of the app. "Today" ends at midnight, and another time zone counts at once.
import { assert, open, run, tolerate, unreachable, until } from "./app.mjs";
import { url } from "./host.mjs";
import { history, post } from "./server.mjs";

/** A browser's locale, the language of the app in it, its time of day, and its form of a date of another month. */
const locales = [
  ["en-US", "en", /^\d{1,2}:\d\d [AP]M$/, /^[A-Z][a-z]{2} \d{1,2}\b/],
  ["en-GB", "en", /^\d\d:\d\d$/, /^\d{1,2} [A-Z][a-z]{2,3}\b/],
  ["en-AU", "en", /^\d{1,2}:\d\d [ap]m$/, /^\d{1,2} [A-Z][a-z]{2,3}\b/],
  ["de-DE", "de", /^\d\d:\d\d$/, /^\d{1,2}\. \p{L}+/u],
  ["fr-FR", "en", /^\d\d:\d\d$/, /^\d{1,2} [A-Z][a-z]{2,3}\b/],
  ["ja-JP", "en", /^\d\d:\d\d$/, /^[A-Z][a-z]{2} \d{1,2}\b/],
  ["ar-EG", "ar", /^[٠-٩]{1,2}:[٠-٩]{2} [صم]$/, /^[٠-٩]{1,2} \p{L}+/u],
  ["ar-MA", "ar", /^\d\d:\d\d$/, /^\d{1,2} \p{L}+/u],
];
const day = 86_400_000;

/** Signs in in any language, and shows the lobby. */
async function enter(app) {
  await app.page.getByRole("textbox").fill("Ann");
  await app.page.keyboard.press("Enter");
  await app.page.getByTestId("room-lobby").click();
  await app.sees(1);
}

/** Returns a text with plain spaces, without the marks of direction. */
const plain = (text) => text.replace(/\s/g, " ").replace(/[\u200e\u200f\u061c]/g, "");
const clock = async (app) => plain(await app.page.getByTestId("message-1").locator("time").first().innerText());
const pill = async (app) => (await app.page.getByTestId("day").first().innerText()).trim();
const listed = async (app) => (await app.page.getByTestId("room-lobby").innerText()).split("\n").map(plain);

/** Lets the device sleep until a time: no timer fires, and the page has the focus when it wakes. */
async function sleep(app, time) {
  await app.page.clock.setSystemTime(time);
  await app.page.evaluate(() => window.dispatchEvent(new Event("focus")));
}

await run(async () => {
  await post("lobby", "from Bob", "Bob");
  const [message] = await until("the message is stored", async () => {
    const log = await history("lobby");
    return log.length === 1 && log;
  });
  const sent = new Date(message.sent_at);

  for (const [locale, language, time, date] of locales) {
    const app = await open({ locale, timezoneId: "UTC", at: null });
    await app.page.clock.install({ time: sent });
    await app.page.goto(url);
    await enter(app);
    assert.equal(await app.page.evaluate(() => document.documentElement.lang), language, locale);
    assert.match(await clock(app), time, locale);
    assert.ok((await listed(app)).includes(await clock(app)), `${locale}: the list has the same time`);
    await sleep(app, sent.getTime() + 40 * day);
    const later = await until(`${locale}: the list shows the date`, async () =>
      (await listed(app)).find((line) => date.test(line)),
    );
    console.log(`${locale}: ${await clock(app)}, ${later}`);
    await app.context.close();
  }

  tolerate(unreachable);
  const german = await open({ locale: "de-DE" });
  await enter(german);
  await german.installed();
  await german.context.setOffline(true);
  await german.page.reload();
  await german.sees(1);
  assert.equal(await german.page.evaluate(() => document.documentElement.lang), "de", "without a connection, too");
  await german.context.close();

  const night = await open({ timezoneId: "UTC", at: null });
  const midnight = Math.ceil((sent.getTime() + 1) / day) * day;
  await night.page.clock.install({ time: midnight - 6_000 });
  await night.page.goto(url);
  await enter(night);
  if ((await night.page.evaluate(() => Date.now())) < midnight) assert.equal(await pill(night), "Today");
  await until("today has become yesterday", async () => (await pill(night)) === "Yesterday");
  await until("the list shows the weekday", async () =>
    (await listed(night)).some((line) => /^(Sun|Mon|Tue|Wed|Thu|Fri|Sat)$/.test(line)),
  );
  await sleep(night, midnight + 30 * 3_600_000);
  await until("a date after another midnight", async () => /^\w+day, /.test(await pill(night)));

  const traveller = await open({ at: null, locale: "de-DE" });
  const devtools = await traveller.context.newCDPSession(traveller.page);
  const travel = (timezoneId) => devtools.send("Emulation.setTimezoneOverride", { timezoneId });
  const expected = (timeZone) =>
    new Intl.DateTimeFormat("de-DE", { hour: "2-digit", minute: "2-digit", timeZone }).format(sent);
  await travel("Europe/Berlin");
  await traveller.page.goto(url);
  await enter(traveller);
  assert.equal(await clock(traveller), expected("Europe/Berlin"));
  await travel("Asia/Tokyo");
  await traveller.page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await until("the time of the new zone", async () => (await clock(traveller)) === expected("Asia/Tokyo"));
});
