// Takes pictures of the app with a conversation for people to look at: on a phone and on a desktop, in light and dark.
import { statSync } from "node:fs";
import { join } from "node:path";

import { assert, enter, open, run } from "./app.mjs";
import { pictures } from "./host.mjs";
import { post } from "./server.mjs";

const conversation = [
  ["Mara", "Morning! The ferry is late again 🌊"],
  ["Mara", "The board says 09:40 now."],
  ["Ann", "Then we have time for a coffee at the pier."],
  ["Otto", "I am on the tram, two stops away. Save me a seat?"],
  ["Ann", "Done. Window side."],
  ["Mara", "Timetable for the way back: https://example.org/ferries/return?day=saturday"],
  ["Otto", "Thanks! For the record, the booking code is `RX-2047`, please do not lose it this time 😅"],
  ["Ann", "I lost it once. ONCE."],
  ["Noor", "صباح الخير، سألتقي بكم على الجزيرة"],
  [
    "Mara",
    "Noor says she meets us on the island.\nShe brings lunch for everyone, so nobody has to buy the sandwiches on board.",
  ],
  ["Ann", "Best news of the day."],
];

async function shoot(app, name) {
  const path = join(pictures, `${name}.png`);
  await app.page.screenshot({ path });
  assert.ok(statSync(path).size > 5_000, `${name} is an empty picture`);
}

await run(async () => {
  for (const [name, text] of conversation) await post("ferry", text, name);
  await post("kitchen", "Who has taken the good knife?", "Otto");
  for (const [device, viewport] of [
    ["phone", { width: 390, height: 844 }],
    ["desktop", { width: 1280, height: 800 }],
  ]) {
    const narrow = viewport.width < 720;
    const welcome = await open({ viewport });
    await welcome.page.getByLabel("Your name").waitFor();
    await shoot(welcome, `${device}-welcome`);
    const ann = await enter("Ann", { viewport });
    for (const room of ["kitchen", "ferry"]) {
      if (narrow) await ann.button("Back").click();
      await ann.join(room);
    }
    await ann.sees(conversation.length);
    await ann.composer.fill("Running, two minutes!");
    for (const colorScheme of ["light", "dark"]) {
      await ann.page.emulateMedia({ colorScheme });
      await shoot(ann, `${device}-${colorScheme}-room`);
    }
    if (!narrow) continue;
    await ann.button("Back").click();
    await shoot(ann, `${device}-dark-rooms`);
  }
});
