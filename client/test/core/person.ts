import { claimsOf } from "../../src/core/identity";
import { App, type Writing } from "./app";
import { Dice } from "./dice";
import { sleep, seed, until, proxy } from "./host";
import { Machine } from "./machine";

/** How somebody uses the app. */
export interface Usage {
  readonly rooms: readonly string[];
  /** How many texts are written, and how long it is from one to the next at most, in milliseconds. */
  readonly texts: number;
  readonly pause: number;
  /** How likely it is, with each text, that the app dies and is started again. */
  readonly crashes?: number;
}

/** Somebody with a machine, on which the app is started, and dies, as often as it may be. */
export class Person {
  readonly name: string;
  readonly machine: Machine;
  /** The apps that run, each in a tab. */
  readonly apps: App[] = [];
  /** All that there ever were. */
  readonly allApps: App[] = [];
  token: string | undefined;
  readonly #dice: Dice;
  #texts = 0;

  constructor(name: string, token?: string) {
    this.name = name;
    this.token = token;
    this.#dice = new Dice(seed, name);
    this.machine = new Machine(new Dice(seed, `${name}'s machine`));
  }

  get writings(): readonly Writing[] {
    return this.allApps.flatMap((app) => app.writings);
  }

  /** What the server has lost nobody can ask for. */
  forget(): void {
    for (const app of this.allApps) {
      for (const writing of app.writings) writing.kept = false;
      app.read.clear();
    }
  }

  /** Starts the app in these rooms, besides those that it knows. */
  async start(rooms: readonly string[] = []): Promise<App> {
    const identity = { client: this.token === undefined ? this.name : (claimsOf(this.token)?.sub ?? ""), ...(this.token === undefined ? {} : { token: this.token }) };
    const app = await App.start(this.machine, proxy, identity, this.#dice.chance(0.5));
    this.apps.push(app);
    this.allApps.push(app);
    for (const room of rooms) app.room(room);
    return app;
  }

  /** Waits until the apps are connected. */
  async connected(): Promise<void> {
    for (const app of this.apps) await until(`${this.name} is connected`, () => app.chat.link.get().is === "live");
  }

  /** The app dies: the given one, or whichever. */
  async crash(app = this.#dice.one(this.apps)): Promise<void> {
    this.apps.splice(this.apps.indexOf(app), 1);
    await app.crash();
  }

  /** The machine says that the connection may have changed. */
  signalWake(): void {
    for (const app of this.apps) app.signalWake();
  }

  /** Writes, and in between looks at rooms, scrolls back, leaves and comes again. */
  async simulate({ rooms, texts, pause, crashes = 0 }: Usage): Promise<void> {
    for (let n = 0; n < texts; n++) {
      await sleep(this.#dice.below(pause));
      this.#use(this.#dice.one(this.apps), this.#dice.one(rooms));
      this.write(this.#dice.one(rooms));
      if (!this.#dice.chance(crashes)) continue;
      await this.crash();
      await this.start(rooms);
    }
  }

  /** Writes something that nobody else has written. */
  write(room: string, app = this.#dice.one(this.apps)): void {
    const rest = this.#dice.chance(0.05) ? "long ".repeat(this.#dice.below(4_000)) : this.#dice.one(["", "hello", "größer 🦦", "<b>x</b>", "a\nb"]);
    app.write(room, `${this.name} ${this.#texts++} ${rest}`);
  }

  #use(app: App, name: string): void {
    const room = app.room(name);
    if (this.#dice.chance(0.3)) app.readToEnd(name);
    if (this.#dice.chance(0.1)) void room.older();
    if (this.#dice.chance(0.03)) app.chat.leave(name);
    if (this.#dice.chance(0.2)) setTimeout(room.open(), this.#dice.below(500));
    if (this.#dice.chance(0.02)) this.signalWake();
  }
}
