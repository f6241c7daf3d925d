import { Chat } from "../../src/core/chat";
import type { Identity } from "../../src/core/identity";
import type { Room, Timeline } from "../../src/core/room";
import type { Machine, Run } from "./machine";

/** A text that was given to the app. */
export interface Writing {
  readonly room: string;
  readonly text: string;
  /** Whether the app has said that it is kept: from then on it must not be lost. */
  kept: boolean;
}

/** What no timeline may show at any time; the first of each kind is enough. */
export const violations = new Set<string>();

/** The app, from its start to its end: on a phone, or in a tab. It minds all that its rooms show meanwhile. */
export class App {
  readonly chat: Chat;
  readonly writings: Writing[] = [];
  /** What has been shown, by room: the id of each number. */
  readonly shown = new Map<string, Map<number, string>>();
  /** Up to which number somebody has read a room, at least. */
  readonly read = new Map<string, number>();
  readonly #run: Run;
  readonly #watched = new WeakSet<Room>();

  private constructor(chat: Chat, run: Run) {
    this.chat = chat;
    this.#run = run;
  }

  static async start(machine: Machine, server: string, identity: Identity, negotiates: boolean): Promise<App> {
    const run = machine.boot(server, negotiates);
    return new App(await Chat.open(run, server, identity), run);
  }

  /** Ends it as a machine ends an app that it has no room for. */
  async crash(): Promise<void> {
    this.#run.cutPower();
    await this.chat.close(); // the connection goes, too; nothing of it reaches the disk
  }

  signalWake(): void {
    this.#run.signalWake();
  }

  /** A room, joined if it has not been. */
  room(name: string): Room {
    const room = this.chat.room(name) ?? this.chat.join(name);
    if (!this.#watched.has(room)) {
      this.#watched.add(room);
      room.timeline.subscribe(() => this.#watch(name, room.timeline.get()));
    }
    return room;
  }

  /** Writes a text, and notes when it is kept. */
  write(room: string, text: string): void {
    const writing: Writing = { room, text, kept: false };
    this.writings.push(writing);
    void this.room(room).send(text).then(() => (writing.kept = true));
  }

  /** Looks at the end of a room, and has read it. */
  readToEnd(name: string): void {
    const room = this.room(name);
    const last = room.timeline.get().messages.at(-1);
    if (last === undefined) return;
    room.read(last.seq);
    this.read.set(name, Math.max(last.seq, this.read.get(name) ?? 0));
  }

  #watch(name: string, { messages, outgoing }: Timeline): void {
    const shown = this.shown.get(name) ?? new Map<number, string>();
    this.shown.set(name, shown);
    if (messages.length === 0) shown.clear(); // it begins anew: with the room, or on a server that has begun anew
    const ids = new Set(outgoing.map((m) => m.id));
    if (ids.size < outgoing.length) violations.add("one's own message is shown twice as waiting");
    const first = messages[0]?.seq ?? 0;
    messages.forEach((m, i) => {
      if (m.seq !== first + i) violations.add(`numbers with a gap or a repeat: ${m.seq} after ${first + i - 1}`);
      if (ids.has(m.id)) violations.add("a message is shown as waiting and in the log");
      if ((shown.get(m.seq) ?? m.id) !== m.id) violations.add(`number ${m.seq} is another message than before`);
      shown.set(m.seq, m.id);
    });
  }
}
