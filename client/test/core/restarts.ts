// The server is killed and restarted several times while four users write. Each app waits, then continues by itself.
import { check } from "./check";
import { Dice } from "./dice";
import { ask, sleep, run, say, seed, until } from "./host";
import { Person } from "./person";

const rooms = ["lobby", "garden"];
const kills = 4;

run(async () => {
  const dice = new Dice(seed, "kills");
  const people = ["ann", "bob", "cem", "dee"].map((name) => new Person(name));
  for (const person of people) await person.start(rooms);
  for (const person of people) await person.connected();
  const lives = people.map((person) => person.simulate({ rooms, texts: 60, pause: 100, crashes: 0.02 }));
  for (let n = 0; n < kills; n++) {
    await sleep(dice.below(600));
    await ask("kill");
    const app = people[0]?.apps[0];
    await until("the app shows that it is not connected", () => app?.chat.link.get().is !== "live");
    await sleep(dice.below(300));
    await ask("restart");
  }
  await Promise.all(lives);
  const began = Date.now();
  await check(people, rooms);
  say(`seed ${seed}: killed ${kills} times, all checks passed ${Date.now() - began} ms after the last text`);
});
