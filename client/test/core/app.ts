import { Chat } from "../../src/core/chat";
import type { Identity } from "../../src/core/identity";
import type { Room } from "../../src/core/room";
import type { Timeline } from "../../src/core/timeline";
import type { Machine, Run } from "./machine";

/** A text that a user has written in the app. */
export interface Writing {
  readonly room: string;
  readonly text: string;
  /** Whether the app has stored it on the device. From then on it must not be lost. */
  kept: boolean;
}

/** Faults that a timeline has shown. A set keeps one of each kind. */
export const violations = new Set<string>();

/** One run of the app, on a phone or in a tab. It checks everything that its rooms show. */
export class App {
  readonly chat: Chat;
  readonly writings: Writing[] = [];
  /** The messages that were shown, by room: the id of each number. */
  readonly shown = new Map<string, Map<number, string>>();
  /** The number up to which the user has read each room, at least. */
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

  /** Ends the app without warning, as a machine does that runs out of memory. */
  async crash(): Promise<void> {
    this.#run.cutPower();
    await this.chat.close(); // closes the connection, too; nothing reaches the disk any more
  }

  signalWake(): void {
    this.#run.signalWake();
  }

  /** Returns a room, and joins it if needed. */
  room(name: string): Room {
    const room = this.chat.room(name) ?? this.chat.join(name);
    if (!this.#watched.has(room)) {
      this.#watched.add(room);
      room.timeline.subscribe(() => this.#watch(name, room.timeline.get()));
    }
    return room;
  }

  /** Writes a text, and records when it is stored. */
  write(room: string, text: string): void {
    const writing: Writing = { room, text, kept: false };
    this.writings.push(writing);
    void this.room(room)
      .send(text)
      .then(
        () => (writing.kept = true),
        () => undefined, // after a crash the disk does not answer any more
      );
  }

  /** Reads a room to its end. */
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
    if (messages.length === 0) shown.clear(); // the log is new, or the server was restored from an older copy
    const ids = new Set(outgoing.map((m) => m.id));
    if (ids.size < outgoing.length) violations.add("an own message is shown twice as waiting");
    const first = messages[0]?.seq ?? 0;
    messages.forEach((m, i) => {
      if (m.seq !== first + i) violations.add(`numbers with a gap or a repeat: ${m.seq} after ${first + i - 1}`);
      if (m.client_id === this.chat.client && ids.has(m.id))
        violations.add("a message is shown as waiting and in the log");
      if ((shown.get(m.seq) ?? m.id) !== m.id) violations.add(`number ${m.seq} is another message than before`);
      shown.set(m.seq, m.id);
    });
  }
}
