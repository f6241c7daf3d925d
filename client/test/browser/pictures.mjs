// Takes pictures of every screen for people to look at: on a phone, a desktop and a wide screen, in light and dark.
import { statSync } from "node:fs";
import { join } from "node:path";

import { assert, enter, open, run, tolerate, unreachable } from "./app.mjs";
import { pictures, url } from "./host.mjs";
import { post } from "./server.mjs";
import { people, talk } from "./team.mjs";

const [me, ...others] = people;
const longest = "a-room-with-a-very-long-name-that-goes-to-its-limit-of-64-charsx";
const letter =
  "Here is a longer answer that I am still writing, with more than one line\n- one\n- two\n- three\n" +
  "and it goes on until the composer is as high as it gets, because some people write letters and not messages.\nlast line";

/** Takes the pictures of one device. */
class Tour {
  constructor(device, viewport) {
    this.device = device;
    this.narrow = viewport.width < 720;
    this.settings = { viewport, hasTouch: this.narrow, isMobile: this.narrow };
  }

  /** Takes a picture of a page in light and in dark. */
  async shoot({ page }, name) {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.waitForTimeout(250);
      const path = join(pictures, `${this.device}-${colorScheme}-${name}.png`);
      await page.screenshot({ path });
      assert.ok(statSync(path).size > 3_000, `${path} is an empty picture`);
    }
  }

  async back(app) {
    if (this.narrow && (await app.button("Back").isVisible())) await app.button("Back").click();
  }

  async show(app, room) {
    await this.back(app);
    await app.show(room);
    await app.page.locator('[data-testid^="message-"]').last().waitFor();
  }

  /** Opens the menu of a message by a long press. */
  async openMenu(app, row) {
    await row.scrollIntoViewIfNeeded();
    await app.page.waitForTimeout(400); // the list draws the rows that come into view
    const { x, y, width, height } = await row.boundingBox();
    const devtools = await app.context.newCDPSession(app.page);
    const touch = (type, touchPoints) => devtools.send("Input.dispatchTouchEvent", { type, touchPoints });
    await touch("touchStart", [{ x: x + width / 2, y: y + height / 2 }]);
    await app.page.getByRole("menu").waitFor();
    await touch("touchEnd", []);
  }

  async firstVisit() {
    const app = await open(this.settings);
    await app.page.getByLabel("Your name").waitFor();
    await this.shoot(app, "welcome");
    await app.signIn("Zoe");
    await app.linked(/^Connected/);
    await app.page.getByText("More rooms on this server").waitFor();
    await this.shoot(app, "first-run");
    await app.show("lobby");
    await app.page.getByText("No messages yet").first().waitFor();
    await this.shoot(app, "empty-room");
    await app.context.close();
  }

  async rooms(app) {
    for (const room of [...Object.keys(talk), longest, "lunch"]) {
      await this.back(app);
      await app.join(room);
    }
    await this.show(app, "oncall");
    await this.back(app);
    await app.find("");
    await this.shoot(app, "find");
    await app.page.getByRole("combobox", { name: "Room" }).fill("Möbel Raum");
    await this.shoot(app, "find-illegal");
    await app.page.getByRole("combobox", { name: "Room" }).fill("sales");
    await app.page.getByTestId("directory-sales-emea").waitFor();
    await this.shoot(app, "find-prefix");
    await app.page.keyboard.press("Escape");
    for (const [count, room] of [
      [3, "random"],
      [12, "general"],
    ])
      for (let i = 1; i <= count; i++) await post(room, `message ${i} for the counter`, others[i % others.length]);
    await post("design", `@${me} the footer is **much** better now`, "Ana Beatriz");
    await app.page.getByText(/much better now/).waitFor();
    await this.back(app);
    await this.shoot(app, "rooms");
  }

  async messages(app) {
    await this.show(app, "general");
    await this.shoot(app, "unread");
    await this.show(app, "design");
    await this.shoot(app, "short-talk");
    await this.show(app, "random");
    await this.shoot(app, "languages");
    await this.show(app, "backend");
    await this.shoot(app, "code");
    const row = app.page.getByTestId(`message-${talk.backend.length - 2}`);
    if (this.narrow) await this.openMenu(app, row);
    else {
      await row.hover();
      await app.page.getByTestId("bar").waitFor();
      await this.shoot(app, "message-bar");
      await row.focus();
      await app.page.keyboard.press("ContextMenu");
      await app.page.getByRole("menu").waitFor();
    }
    await this.shoot(app, "message-menu");
    await app.page.keyboard.press("Escape");
    await app.composer.fill(letter);
    await this.shoot(app, "draft");
    await app.composer.fill("");
    await app.button("Emoji").click();
    await app.page.getByRole("dialog").waitFor();
    await app.page.waitForTimeout(500);
    await this.shoot(app, "emoji");
    await app.page.keyboard.press("Escape");
  }

  async dialogs(app) {
    await app.button("About this room").click();
    await this.shoot(app, "about");
    await app.button("Leave the room").click();
    await this.shoot(app, "leave");
    await app.page.keyboard.press("Escape");
    await this.back(app);
    await app.button("Settings").click();
    await this.shoot(app, "settings");
    await app.button("Compact").click();
    await app.page.keyboard.press("Escape");
    await this.shoot(app, "compact-rooms");
    await this.show(app, "general");
    await this.shoot(app, "compact-room");
    if (!this.narrow) {
      await app.page.keyboard.press("Escape");
      await app.page.locator("body").click({ position: { x: 5, y: 5 } });
      await app.page.keyboard.press("?");
      await app.page.getByRole("dialog").waitFor();
      await this.shoot(app, "shortcuts");
      await app.page.keyboard.press("Escape");
    }
  }

  async states(app) {
    await app.page.goto(`${url}/#/support`);
    await app.button("Join support").waitFor();
    await this.shoot(app, "not-joined");
    await app.page.goto(`${url}/#/no-such-room`);
    await app.button("Create no-such-room").waitFor();
    await this.shoot(app, "no-such-room");
    await app.page.goto(`${url}/#/general/6`);
    await app.sees(6);
    await this.shoot(app, "link-to-message");
    await app.page.goto(`${url}/#/general`);
    await app.context.setOffline(true);
    for (const text of ["I write this in the train, in the tunnel", "and this too"]) {
      await app.composer.fill(text);
      await app.page.getByTestId("send").click();
    }
    await app.page.getByTestId("messages").getByText("and this too").waitFor();
    await app.page.waitForTimeout(1_000);
    await this.shoot(app, "offline");
    await app.context.close();
  }

  async arabic() {
    const app = await open({ ...this.settings, locale: "ar-EG" });
    await app.page.getByRole("textbox").fill("ليلى");
    await app.page.keyboard.press("Enter");
    await app.page.getByTestId("room-lobby").waitFor();
    await app.button(/general/).click();
    await app.page.locator('[data-testid^="message-"]').last().waitFor();
    await this.shoot(app, "arabic");
    await app.context.close();
  }
}

await run(async () => {
  tolerate(unreachable);
  for (const [room, lines] of Object.entries(talk)) for (const [who, text] of lines) await post(room, text, who);
  for (const room of ["sales-emea", "sales-us", "support", "it-help", "lunch", "product-2027", longest])
    await post(room, `What belongs into ${room}?`, others[0]);
  for (const [device, viewport] of [
    ["phone", { width: 390, height: 844 }],
    ["desktop", { width: 1280, height: 800 }],
    ["wide", { width: 1920, height: 1080 }],
  ]) {
    const tour = new Tour(device, viewport);
    await tour.firstVisit();
    const app = await enter(me, tour.settings);
    await tour.rooms(app);
    await tour.messages(app);
    await tour.dialogs(app);
    await tour.states(app);
    await tour.arabic();
  }
});
