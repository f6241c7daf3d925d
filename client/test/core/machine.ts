import { randomUUID } from "node:crypto";

import { Emitter } from "../../src/core/store";
import type { Device, KeyValueStore, Platform, TabEvent, Tabs, Connectivity } from "../../src/core/device";
import { Memory, openMemory } from "../../src/device/memory";
import type { Dice } from "./dice";
import { sleep } from "./host";

/** A phone or a browser: everything that outlives the app that runs on it. */
export class Machine {
  readonly disk = new Memory();
  readonly tabs = new Set<Tab>();
  readonly dice: Dice;

  constructor(dice: Dice) {
    this.dice = dice;
  }

  /** Starts a run of the app on this machine. */
  boot(server: string, negotiates: boolean): Run {
    return new Run(this, server, negotiates);
  }

  /** Makes the first tab the leader. */
  lead(): void {
    const [first] = this.tabs;
    first?.elect();
  }
}

const never = new Promise<never>(() => undefined);

/** One run of the app. After a power cut the disk does not change any more, and no call of the app is answered. */
export class Run implements Platform {
  readonly server: string;
  readonly negotiates: boolean;
  readonly keyValues: KeyValueStore = { read: () => Promise.resolve(null), write: () => Promise.resolve() };
  readonly #machine: Machine;
  readonly #woken = new Emitter();
  readonly #tabs: Tab;
  #on = true;
  /** The last call to take effect, and the last call to be answered. */
  #effect: Promise<unknown> = Promise.resolve();
  #answer: Promise<unknown> = Promise.resolve();

  constructor(machine: Machine, server: string, negotiates: boolean) {
    this.#machine = machine;
    this.server = server;
    this.negotiates = negotiates;
    this.#tabs = new Tab(machine);
  }

  readonly connectivity: Connectivity = { online: () => true, subscribe: this.#woken.subscribe };

  /** Fires a wake event. */
  signalWake(): void {
    this.#woken.emit();
  }

  cutPower(): void {
    this.#on = false;
    this.#tabs.close();
  }

  newID(): string {
    return randomUUID();
  }

  persist(): Promise<boolean> {
    return Promise.resolve(true);
  }

  unsent(): Promise<number> {
    return Promise.resolve(this.#machine.disk.outbox.size);
  }

  erase(): Promise<void> {
    return Promise.resolve();
  }

  takeToken(): null {
    return null;
  }

  tabs(): Tabs {
    return this.#tabs;
  }

  device(): Promise<Device> {
    const disk = openMemory(this.#machine.disk);
    return Promise.resolve({
      keeps: true,
      get: (key) => this.#call(() => disk.get(key)),
      set: (key, value) => this.#call(() => disk.set(key, value)),
      begin: (room, epoch) => this.#call(() => disk.begin(room, epoch)),
      keep: (room, messages, own, epoch) => this.#call(() => disk.keep(room, messages, own, epoch)),
      history: (room, limit, before, epoch) => this.#call(() => disk.history(room, limit, before, epoch)),
      prune: (room, most) => this.#call(() => disk.prune(room, most)),
      rooms: (names) => this.#call(() => disk.rooms(names)),
      histories: () => this.#call(() => disk.histories()),
      outbox: () => this.#call(() => disk.outbox()),
      put: (outgoing) => this.#call(() => disk.put(outgoing)),
      remove: (id) => this.#call(() => disk.remove(id)),
      erase: () => this.#call(() => disk.erase()),
      close: () => disk.close(),
    });
  }

  /** Calls take effect in their order after a delay, and are answered in the same order after another delay. */
  #call<T>(effect: () => Promise<T>): Promise<T> {
    const [before, answered] = [this.#effect, this.#answer];
    const work = before.then(() => this.#delay()).then(effect);
    const answer = work
      .then(() => this.#delay())
      .then(() => answered)
      .then(() => work);
    [this.#effect, this.#answer] = [work, answer];
    return answer;
  }

  async #delay(): Promise<void> {
    await sleep(this.#machine.dice.below(4));
    if (!this.#on) await never;
  }
}

/** A tab. The other tabs receive its events a little later, in order. The oldest tab leads. */
class Tab implements Tabs {
  readonly #machine: Machine;
  readonly #listeners = new Set<(event: TabEvent) => void>();
  #elected: () => void = () => undefined;
  readonly #leads = new Promise<void>((resolve) => (this.#elected = resolve));

  constructor(machine: Machine) {
    this.#machine = machine;
    machine.tabs.add(this);
  }

  elect(): void {
    this.#elected();
  }

  lead(): Promise<void> {
    this.#machine.lead();
    return this.#leads;
  }

  post(event: TabEvent): void {
    if (!this.#machine.tabs.has(this)) return; // the tab is closed
    for (const tab of this.#machine.tabs) {
      if (tab !== this) setImmediate(() => tab.#receive(event));
    }
  }

  subscribe(listener: (event: TabEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#machine.tabs.delete(this);
    this.#listeners.clear();
    this.#machine.lead();
  }

  #receive(event: TabEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
