import { act, render } from "@testing-library/react-native";
import type { ReactElement } from "react";

import { Chat } from "../core/chat";
import type { KeyValueStore, Platform } from "../core/device";
import { dial, type Cursor } from "../core/hub";
import type { Identity } from "../core/identity";
import type { Message } from "../core/message";
import { Session } from "../core/session";
import { openMemory } from "../device/memory";
import { localeOf, LocaleContext, type Language } from "./i18n";
import { Preferences, PreferencesContext } from "./preferences";
import { SessionContext } from "./session";

/** A fake server for the tests of the screens: its data, its answers, and the messages that it has received. */
export class World {
  online = true;
  /** Whether the device can store data. */
  keeps = true;
  /** The status of all answers; 0 for no answer. */
  status = 200;
  rooms: string[] = [];
  readonly log = new Map<string, Message[]>();
  readonly posted: { room: string; msg: string }[] = [];
  readonly kept = new Map<string, string>();
  readonly #wakers = new Set<() => void>();
  #ends = new Set<() => void>();
  #ids = 0;
  readonly #chats: Chat[] = [];

  constructor() {
    jest.mocked(dial).mockImplementation((options) => this.#dial(options.received));
    global.fetch = jest.fn((url: string, init?: RequestInit) =>
      this.#answer(new URL(url), init),
    ) as unknown as typeof fetch; // the app's Api needs only this part
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
      erase: () => Promise.resolve(),
      newID: () => `id-${++this.#ids}`,
      connectivity: {
        online: () => this.online,
        subscribe: (woken) => {
          this.#wakers.add(woken);
          return () => this.#wakers.delete(woken);
        },
      },
      device: () => Promise.resolve({ ...openMemory(), keeps: this.keeps }),
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
    await flushPromises(() => {
      for (const end of [...this.#ends]) end();
    });
  }

  message(room: string, client: string, msg: string): void {
    const log = this.log.get(room) ?? [];
    const at = new Date(2026, 4, 4, 12, log.length).toISOString();
    this.log.set(room, [
      ...log,
      {
        kind: "message",
        id: `${room}-${log.length}`,
        room,
        seq: log.length + 1,
        client_id: client,
        msg,
        sent_at: at,
        stored_at: at,
      },
    ]);
  }

  async close(): Promise<void> {
    await act(() => Promise.all(this.#chats.map((chat) => chat.close())).then(() => undefined));
  }

  async #dial(received: (message: Message) => void): Promise<Awaited<ReturnType<typeof dial>>> {
    if (this.status !== 200 || !this.online) throw new Error("no connection");
    let end = () => undefined as void;
    const closed = new Promise<undefined>((resolve) => (end = () => resolve(undefined)));
    this.#ends.add(end);
    const join = (room: string, cursor?: Cursor) => {
      const log = this.log.get(room) ?? [];
      const after = typeof cursor === "object" ? cursor.after : cursor;
      if (after !== undefined) for (const m of log.slice(after)) received(m);
      return Promise.resolve({ last_seq: log.length, oldest_seq: Math.min(1, log.length), epoch: "e" });
    };
    return {
      join,
      leave: () => Promise.resolve(),
      ping: () => Promise.resolve(),
      closed,
      stop: () => Promise.resolve(end()),
    };
  }

  #answer(url: URL, init?: RequestInit): Promise<Pick<Response, "ok" | "status" | "json" | "headers">> {
    if (this.status === 0 || !this.online) return Promise.reject(new TypeError("no answer"));
    const body = this.status === 200 ? this.#body(url, init) : { code: "any", detail: "not now" };
    return Promise.resolve({
      ok: this.status === 200,
      status: this.status,
      headers: new Headers(),
      json: () => Promise.resolve(body),
    });
  }

  #body(url: URL, init?: RequestInit): unknown {
    const [, , room] = url.pathname.split("/");
    if (room === undefined) return { rooms: this.rooms.map((name) => ({ name, last_seq: 1 })) };
    const messages = this.log.get(room) ?? [];
    if (init?.method !== "POST") return { messages, last_seq: messages.length, oldest_seq: 1, epoch: "e" };
    const { msg } = JSON.parse(String(init.body)) as { msg: string };
    this.posted.push({ room, msg });
    return {};
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
