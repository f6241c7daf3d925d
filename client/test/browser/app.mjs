// Drives the app as a user does. It finds elements by the names that a screen reader reads, and by test ids.
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium as engine } from "playwright-core";

import { chromium, directory, closeInput, pictures, url } from "./host.mjs";
import { instruments } from "./instruments.mjs";

export { assert };

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const options = { executablePath: chromium, args: flags };
const desktop = { width: 1000, height: 800 };

/** What pages did although no page may: log an error, break the policy, open a dialog, or send a request to another server. */
const problems = [];
const tolerated = [];
const pages = new Set();
let browser;

/** Runs a script. The process fails if the script fails or a page had a problem. */
export async function run(script) {
  try {
    browser = await engine.launch(options);
    await script();
    assert.deepEqual(problems, [], "problems of the pages");
  } catch (error) {
    process.exitCode = 1;
    console.error(error);
    for (const problem of problems) console.error("problem:", problem);
    for (const page of pages) await dumpPage(page);
  } finally {
    for (const page of pages) await page.context().close();
    await browser?.close();
    closeInput();
  }
}

/** Ignores problems of this kind: a browser logs errors when the server is killed. */
export function tolerate(pattern) {
  tolerated.push(pattern);
}

/**
 * What a browser logs while no server answers. Which code Chromium gives depends on how far a connection was when the server
 * was killed.
 */
export const unreachable =
  /ERR_(CONNECTION_REFUSED|CONNECTION_RESET|CONNECTION_CLOSED|CONNECTION_ABORTED|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE|INTERNET_DISCONNECTED|INCOMPLETE_CHUNKED_ENCODING)|WebSocket connection to|status of 503/;

/** Opens a browser profile for one user, with a first tab at the address. */
export async function open({ at = url, profile, ...settings } = {}) {
  const all = { viewport: desktop, locale: "en", ...settings };
  const context =
    profile === undefined
      ? await browser.newContext(all)
      : await engine.launchPersistentContext(join(directory, profile), { ...options, ...all });
  await context.addInitScript(instruments);
  context.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:"))
      problems.push(`requested ${request.url()}`);
  });
  return tab(context, at);
}

/** Opens another tab of the same user. */
export async function tab(context, at = url) {
  const page = context.pages().find((p) => !pages.has(p)) ?? (await context.newPage());
  pages.add(page);
  page.on("close", () => pages.delete(page));
  page.setDefaultTimeout(20_000);
  const problem = (text) => tolerated.some((t) => t.test(text)) || problems.push(text);
  page.on("pageerror", (error) => problem(`threw ${error.stack}`));
  page.on("dialog", (dialog) => {
    problem(`opened a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    if (message.type() === "error") problem(`console: ${message.text()}`);
  });
  if (at !== null) await page.goto(at);
  return new App(page);
}

/** Opens the app, signs in with that name, and shows a room. */
export async function enter(name, { room = "lobby", ...settings } = {}) {
  const app = await open(settings);
  await app.signIn(name);
  await app.linked(/^Connected/);
  await app.show(room);
  return app;
}

/** Calls holds until it returns a true value, and resolves with the value. */
export async function until(what, holds, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; ;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not in ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

/** The app in one tab. */
export class App {
  constructor(page) {
    this.page = page;
    this.composer = page.getByTestId("composer");
    this.log = page.getByTestId("messages");
    this.bar = page.getByTestId("link");
    this.announcer = page.getByTestId("announcer");
    this.jump = page.getByTestId("jump");
  }

  get context() {
    return this.page.context();
  }

  button(name) {
    return this.page.getByRole("button", { name });
  }

  async signIn(name) {
    await this.page.getByLabel("Your name").fill(name);
    await this.button("Continue").click();
  }

  async enterToken(token) {
    await this.page.getByLabel("Token", { exact: true }).fill(token);
    await this.button("Continue").click();
  }

  /** Shows a room of the list. */
  async show(room) {
    await this.page.getByTestId(`room-${room}`).click();
    await this.page.getByRole("heading", { name: room, level: 1 }).waitFor();
  }

  /** Opens the search for a room and types into it. */
  async find(text) {
    await this.button("Find a room").first().click();
    await this.page.getByRole("combobox", { name: "Room" }).fill(text);
  }

  /** Joins a room, or creates it if there is none. */
  async join(room) {
    await this.find(room);
    await this.page.getByTestId(`directory-${room}`).click();
    await this.page.getByRole("heading", { name: room, level: 1 }).waitFor();
  }

  /** Returns the name of the visible room. */
  room() {
    return new URL(this.page.url()).hash.split("/")[1] ?? null;
  }

  /** Returns the names of the drawn rows of the list, from top to bottom. */
  rooms() {
    return this.page.locator("[data-room]").evaluateAll((rows) =>
      rows
        .map((row) => ({ name: row.dataset.room, top: row.getBoundingClientRect().top }))
        .sort((a, b) => a.top - b.top)
        .map(({ name }) => name),
    );
  }

  async type(text) {
    await this.composer.fill(text);
    await this.composer.press("Enter");
  }

  /** Resolves when the bar's first line matches the pattern. A button may follow it. */
  linked(pattern) {
    return until(
      `the link is ${pattern}`,
      async () => pattern.test((await this.bar.innerText()).split("\n")[0].trim()),
      40,
    );
  }

  /** Resolves when the service worker is active, so that the page can be opened without the server. */
  installed() {
    return until("the service worker is active", () =>
      this.page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === "activated"),
    );
  }

  /** Returns the drawn messages of the log, from top to bottom. */
  messages() {
    return this.page.locator('[data-testid^="message-"]').evaluateAll((rows) =>
      rows.map((row) => ({
        seq: Number(row.dataset.testid.slice("message-".length)),
        text: row.querySelector('[data-testid="text"]').textContent,
      })),
    );
  }

  /** Returns the user's messages that are not in the log yet. */
  outgoing() {
    return this.page.locator('[data-testid^="outgoing-"]').evaluateAll((rows) =>
      rows.map((row) => ({
        text: row.querySelector('[data-testid="text"]').textContent,
        state: row.querySelector('[data-testid="state"]')?.getAttribute("aria-label"),
      })),
    );
  }

  /** Resolves when the message with that number is drawn. */
  sees(seq) {
    return this.page.getByTestId(`message-${seq}`).waitFor();
  }

  /** Resolves when exactly these texts are drawn, in this order. */
  async shows(texts) {
    let last;
    await until(`these texts: ${JSON.stringify(texts)}`, async () => {
      last = (await this.messages()).map((m) => m.text);
      return last.length === texts.length && last.every((text, i) => text === texts[i]);
    }).catch((error) => {
      throw new Error(`${error.message}; but ${JSON.stringify(last)}`);
    });
  }

  /** Returns the scroll position of the log: the distance to its end, and its first visible message. */
  position() {
    return this.page.evaluate(() => globalThis.logOfTest.position());
  }

  /** Resolves when the end of the log is in view. */
  atEnd() {
    return until("the end of the log is in view", async () => (await this.position()).below < 4);
  }

  /** Scrolls from the end back to the first message, and returns all messages in order. */
  async readAll() {
    const { messages, faults } = await this.page.evaluate(() => globalThis.logOfTest.walk());
    assert.deepEqual(faults, [], "faults while scrolling back");
    return messages;
  }
}

/** Saves a picture and the text of a page after the script has failed. */
async function dumpPage(page) {
  try {
    await page.screenshot({ path: join(pictures, `failed-${Date.now()}.png`) });
    console.error(`${page.url()}\n${(await page.locator("body").innerText()).slice(-2000)}`);
  } catch (error) {
    console.error("the page cannot be saved:", error.message);
  }
}
