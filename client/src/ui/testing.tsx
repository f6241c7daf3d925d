import { act, render } from "@testing-library/react-native";
import type { ReactElement } from "react";

import { Chat } from "../core/chat";
import type { Device, KeyValueStore, Platform } from "../core/device";
import { FakeServer } from "../core/fakes";
import { dial } from "../core/hub";
import type { Identity } from "../core/identity";
import type { Message } from "../core/message";
import { Session } from "../core/session";
import { openMemory } from "../device/memory";
import { localeOf, LocaleContext, type Language } from "./i18n";
import { Preferences, PreferencesContext } from "./preferences";
import { SessionContext } from "./session";

/** The machine and the server of the tests of the screens. */
export class World {
  /** How many unsent messages the device keeps, of everybody. */
  unsent = 0;
  readonly server = new FakeServer();
  online = true;
  /** Whether the device can store data. */
  keeps = true;
  /** The device that was opened last. A test may replace its methods. */
  device: Device = openMemory();
  readonly kept = new Map<string, string>();
  readonly #wakers = new Set<() => void>();
  #ids = 0;
  readonly #chats: Chat[] = [];

  constructor() {
    this.server.epoch = "e";
    this.server.lag = 10; // a screen shows that a message was accepted before it comes back
    jest.mocked(dial).mockImplementation((options) => this.server.dial(options));
    global.fetch = jest.fn((url: string, init?: RequestInit) =>
      this.server.fetch(url, init),
    ) as unknown as typeof fetch; // the app's Api needs only this part
    this.server.before = () => (this.online ? Promise.resolve() : Promise.reject(new TypeError("no answer")));
  }

  /** The status of all answers; 0 for no answer. */
  get status(): number {
    return this.server.up ? this.server.status || 200 : 0;
  }

  set status(status: number) {
    this.server.up = status !== 0;
    this.server.status = status === 200 ? 0 : status;
  }

  /** The messages that the server has, by room. */
  get log(): Map<string, Message[]> {
    return this.server.logs;
  }

  /** The messages that the server has accepted. */
  get posted(): { room: string; msg: string }[] {
    return this.server.posted.map(({ room, msg }) => ({ room, msg }));
  }

  /** The rooms that have messages. Those that are set get one. */
  get rooms(): string[] {
    return [...this.log].filter(([, log]) => log.length > 0).map(([name]) => name);
  }

  set rooms(names: string[]) {
    for (const name of names) if (this.server.log(name).length === 0) this.message(name, "Bob", "hello");
  }

  readonly keyValues: KeyValueStore = {
    read: (key) => Promise.resolve(this.kept.get(key) ?? null),
    write: (key, value) => Promise.resolve(void (value === null ? this.kept.delete(key) : this.kept.set(key, value))),
  };

  platform(server: string | null = "https://here.test"): Platform {
    const tabs = {
      lead: () => Promise.resolve(),
      post: () => undefined,
      subscribe: () => () => undefined,
      close: () => undefined,
    };
    return {
      keyValues: this.keyValues,
      server,
      negotiates: true,
      tabs: () => tabs,
      takeToken: () => null,
      persist: () => Promise.resolve(false),
      unsent: () => Promise.resolve(this.unsent),
      erase: () => Promise.resolve(),
      newID: () => `id-${++this.#ids}`,
      connectivity: {
        online: () => this.online,
        subscribe: (woken) => {
          this.#wakers.add(woken);
          return () => this.#wakers.delete(woken);
        },
      },
      device: () => Promise.resolve((this.device = { ...openMemory(), keeps: this.keeps })),
    };
  }

  /** Opens the chat of a client, and waits until it is idle. */
  async chat(identity: Identity = { client: "Ann" }): Promise<Chat> {
    const chat = await Chat.open(this.platform(), "https://here.test", identity);
    this.#chats.push(chat);
    await flushPromises();
    return chat;
  }

  /** Ends all connections, and answers with the given status from now on. */
  async become(change: { status?: number; online?: boolean }): Promise<void> {
    this.status = change.status ?? this.status;
    this.online = change.online ?? this.online;
    await flushPromises(() => this.server.cut());
  }

  /** Stores a message of somebody, of the 4th of May, and delivers it. */
  message(room: string, client: string, msg: string): void {
    const { length } = this.server.log(room);
    const at = new Date(2026, 4, 4, 12, length);
    act(() => this.server.store(room, msg, `${room}-${length}`, client, at));
  }

  async close(): Promise<void> {
    await act(() => Promise.all(this.#chats.map((chat) => chat.close())).then(() => undefined));
  }
}

/** Runs an action, then everything that does not wait for a timer. */
export async function flushPromises(action?: () => unknown): Promise<void> {
  await act(async () => {
    void action?.();
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  });
}

interface Around {
  readonly session?: Session;
  readonly preferences?: Preferences;
  readonly language?: Language;
}

/** Draws a part of the app inside its contexts. */
export async function draw(world: World, element: ReactElement, around: Around = {}) {
  const {
    session = new Session(world.platform()),
    preferences = new Preferences(world.keyValues),
    language = "en",
  } = around;
  const drawn = render(
    <LocaleContext.Provider value={localeOf(language)}>
      <PreferencesContext.Provider value={preferences}>
        <SessionContext.Provider value={session}>{element}</SessionContext.Provider>
      </PreferencesContext.Provider>
    </LocaleContext.Provider>,
  );
  await flushPromises();
  return drawn;
}

/** Makes a token with these claims. The tests do not check its signature. */
export function token(claims: Record<string, unknown>): string {
  return ["{}", JSON.stringify(claims), ""].map((part) => Buffer.from(part).toString("base64url")).join(".");
}
