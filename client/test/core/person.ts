import { claimsOf } from "../../src/core/identity";
import { App, type Writing } from "./app";
import { Dice } from "./dice";
import { sleep, seed, until, proxy } from "./host";
import { Machine } from "./machine";

/** How a user uses the app. */
export interface Usage {
  readonly rooms: readonly string[];
  /** How many texts are written, and the longest pause between two, in milliseconds. */
  readonly texts: number;
  readonly pause: number;
  /** The probability, for each text, that an app crashes and is started again. */
  readonly crashes?: number;
}

/** A user with a machine, on which the app runs, crashes and starts again. */
export class Person {
  readonly name: string;
  readonly machine: Machine;
  /** The running apps, each in a tab. */
  readonly apps: App[] = [];
  /** All apps that were ever started. */
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

  /** Forgets which texts were stored and read, because the server was restored from an older copy. */
  forget(): void {
    for (const app of this.allApps) {
      for (const writing of app.writings) writing.kept = false;
      app.read.clear();
    }
  }

  /** Starts the app, and joins these rooms in addition to the known ones. */
  async start(rooms: readonly string[] = []): Promise<App> {
    const identity = {
      client: this.token === undefined ? this.name : (claimsOf(this.token)?.sub ?? ""),
      ...(this.token === undefined ? {} : { token: this.token }),
    };
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

  /** Crashes an app: the given one, or a random one. */
  async crash(app = this.#dice.one(this.apps)): Promise<void> {
    this.apps.splice(this.apps.indexOf(app), 1);
    await app.crash();
  }

  /** Fires a wake event in all apps. */
  signalWake(): void {
    for (const app of this.apps) app.signalWake();
  }

  /** Writes texts, and in between reads rooms, scrolls back, leaves rooms and joins them again. */
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

  /** Writes a unique text. */
  write(room: string, app = this.#dice.one(this.apps)): void {
    const rest = this.#dice.chance(0.05)
      ? "long ".repeat(this.#dice.below(4_000))
      : this.#dice.one(["", "hello", "größer 🦦", "<b>x</b>", "a\nb"]);
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
