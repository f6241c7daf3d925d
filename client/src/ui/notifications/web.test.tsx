/** @jest-environment jsdom */
import { act, renderHook } from "@testing-library/react-native";
import type { ReactNode } from "react";

import type { Arrival, Chat, Summary } from "../../core/chat";
import type { Level } from "../../core/joined";
import { Store } from "../../core/store";
import { flushPromises } from "../testing";
import { Preferences, PreferencesContext, type Notifying } from "../preferences";
import { Attention } from "./attention";
import { Notices } from "./system";
import { useNotifications } from "./useNotifications.web";

jest.mock("../messages/useAttention", () => jest.requireActual("../messages/useAttention.web"));

/** A channel to the other tabs of the test, which get what is posted at once. */
class FakeChannel extends EventTarget {
  static all = new Set<FakeChannel>();
  constructor(readonly name: string) {
    super();
    FakeChannel.all.add(this);
  }
  postMessage(data: unknown): void {
    for (const other of FakeChannel.all)
      if (other !== this && other.name === this.name) other.dispatchEvent(new MessageEvent("message", { data }));
  }
  close(): void {
    FakeChannel.all.delete(this);
  }
}

/** Locks of which the first to ask gets each, until it ends. */
class FakeLocks {
  readonly #queue: (() => Promise<void>)[] = [];
  #busy = false;
  request(_name: string, _options: unknown, hold: () => Promise<void>): Promise<void> {
    this.#queue.push(hold);
    this.#next();
    return new Promise(() => undefined);
  }
  #next(): void {
    const hold = this.#busy ? undefined : this.#queue.shift();
    if (hold === undefined) return;
    this.#busy = true;
    void hold().then(() => {
      this.#busy = false;
      this.#next();
    });
  }
}

/** A browser that shows notifications. */
class FakeNotification {
  static permission: NotificationPermission = "granted";
  static answer: NotificationPermission = "granted";
  static shown: FakeNotification[] = [];
  static requests = 0;
  onclick: (() => void) | undefined;
  closed = false;
  constructor(
    readonly title: string,
    readonly options: { body: string; tag: string },
  ) {
    FakeNotification.shown.push(this);
  }
  static requestPermission(): Promise<NotificationPermission> {
    FakeNotification.requests++;
    return Promise.resolve((FakeNotification.permission = FakeNotification.answer));
  }
  close(): void {
    this.closed = true;
  }
}

let attentive = true;
const look = (now: boolean) =>
  act(() => {
    attentive = now;
    window.dispatchEvent(new Event(now ? "focus" : "blur"));
  });

beforeEach(() => {
  attentive = true;
  FakeChannel.all.clear();
  Object.assign(FakeNotification, { permission: "granted", answer: "granted", shown: [], requests: 0 });
  Object.assign(globalThis, { BroadcastChannel: FakeChannel, Notification: FakeNotification, isSecureContext: true });
  Object.defineProperty(navigator, "locks", { value: new FakeLocks(), configurable: true });
  jest.spyOn(document, "hasFocus").mockImplementation(() => attentive);
  jest.spyOn(window, "focus").mockImplementation(() => undefined);
});

/** Opens a tab in a room. */
async function tab(room: string | null, notifications: Notifying = "on") {
  const listeners = new Set<(arrival: Arrival) => void>();
  const rooms = new Store<readonly Summary[]>([]);
  const chat = {
    server: "https://here.test",
    client: "Ann",
    rooms,
    arrivals: {
      subscribe: (listener: (arrival: Arrival) => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  } as unknown as Chat;
  const values = new Map<string, string>();
  const preferences = new Preferences({
    read: (key) => Promise.resolve(values.get(key) ?? null),
    write: (key, value) => Promise.resolve(void (value === null ? values.delete(key) : values.set(key, value))),
  });
  preferences.choose({ notifications });
  const shown: string[] = [];
  const place = {
    room,
    seq: null,
    show: (to: string, seq?: number | null) => shown.push(`${to}/${seq}`),
    back: () => undefined,
  };
  const { result, unmount } = renderHook(() => useNotifications(chat, place), {
    wrapper: ({ children }: { children: ReactNode }) => (
      <PreferencesContext.Provider value={preferences}>{children}</PreferencesContext.Provider>
    ),
  });
  await flushPromises();
  const arrive = (at: string, { level = "all" as Level, mention = false, seq = 7, msg = "hello" } = {}) =>
    act(() => {
      const message = {
        kind: "message",
        id: "x",
        room: at,
        seq,
        client_id: "Bob",
        msg,
        sent_at: "",
        stored_at: "",
      } as const;
      for (const listener of listeners) listener({ message, mention, level });
    });
  return { arrive, offer: () => result.current, choices: preferences.choices, rooms, shown, unmount };
}

const titles = () => FakeNotification.shown.map(({ title }) => title);

describe("a notification", () => {
  test("tells of a message in a room that the user is not in, and opens it there", async () => {
    const { arrive, shown } = await tab("lobby");
    arrive("garden", { msg: "the **roses**\nbloom" });
    const [notification] = FakeNotification.shown;
    expect([notification?.title, notification?.options.tag]).toEqual(["Bob in garden", "restante garden"]);
    expect(notification?.options.body).toMatch(/^the .*roses.* bloom$/);
    notification?.onclick?.();
    expect([shown, notification?.closed]).toEqual([["garden/7"], true]);
  });

  test("does not tell of the room that the user is in, unless the user looks elsewhere", async () => {
    const { arrive } = await tab("lobby");
    arrive("lobby");
    expect(titles()).toEqual([]);
    look(false);
    arrive("lobby");
    expect(titles()).toEqual(["Bob in lobby"]);
  });

  test.each<[Level, boolean, number]>([
    ["all", false, 1],
    ["mentions", false, 0],
    ["mentions", true, 1],
    ["nothing", false, 0],
    ["nothing", true, 0],
  ])("follows the level of the room: %s, mention %s", async (level, mention, count) => {
    const { arrive } = await tab(null);
    arrive("lobby", { level, mention });
    expect(titles()).toHaveLength(count);
  });

  test.each<[Notifying, NotificationPermission]>([
    ["off", "granted"],
    ["unasked", "granted"],
    ["on", "denied"],
    ["on", "default"],
  ])("is not shown when they are %s and %s", async (notifications, permission) => {
    FakeNotification.permission = permission;
    const { arrive } = await tab(null, notifications);
    arrive("lobby");
    expect(titles()).toEqual([]);
  });

  test("is shown once for all tabs, by another one when the first is closed", async () => {
    const [one, two] = [await tab(null), await tab(null)];
    one.arrive("lobby");
    two.arrive("lobby");
    expect(titles()).toHaveLength(1);
    one.unmount();
    await flushPromises();
    two.arrive("lobby");
    expect(titles()).toHaveLength(2);
  });

  test("is not shown of a room that the user is in, in another tab", async () => {
    const leader = await tab("garden");
    const other = await tab("lobby");
    leader.arrive("lobby");
    other.arrive("lobby");
    expect(titles()).toEqual([]);
    other.unmount();
    leader.arrive("lobby");
    expect(titles()).toHaveLength(1);
  });

  test("goes when the room was read", async () => {
    const { arrive, rooms } = await tab(null);
    arrive("lobby");
    const summary = { name: "lobby", newest: null, mentions: 0, draft: "", level: "all", watched: true } as const;
    act(() => rooms.set([{ ...summary, unread: 1 }]));
    expect(FakeNotification.shown[0]?.closed).toBe(false);
    act(() => rooms.set([{ ...summary, unread: 0 }]));
    expect(FakeNotification.shown[0]?.closed).toBe(true);
  });

  test("is shown by the service worker where pages may not, and its press arrives as a message", async () => {
    const worker = { showNotification: jest.fn(() => Promise.resolve()) };
    const serviceWorker = Object.assign(new EventTarget(), { getRegistration: () => Promise.resolve(worker) });
    Object.defineProperty(navigator, "serviceWorker", { value: serviceWorker, configurable: true });
    Object.assign(globalThis, {
      Notification: class {
        constructor() {
          throw new TypeError("Illegal constructor");
        }
      },
    });
    const opened: string[] = [];
    const notices = new Notices((room, seq) => opened.push(`${room}/${seq}`));
    const end = notices.listen();
    notices.show({ title: "t", body: "b", room: "lobby", seq: 3 });
    await flushPromises();
    expect(worker.showNotification).toHaveBeenCalledWith(
      "t",
      expect.objectContaining({ data: { room: "lobby", seq: 3 } }),
    );
    for (const data of [{ room: "lobby", seq: 3 }, { room: 1, seq: 3 }, null, "x"])
      serviceWorker.dispatchEvent(new MessageEvent("message", { data }));
    end();
    serviceWorker.dispatchEvent(new MessageEvent("message", { data: { room: "lobby", seq: 4 } }));
    expect(opened).toEqual(["lobby/3"]);
    Reflect.deleteProperty(navigator, "serviceWorker");
  });
});

describe("the offer of notifications", () => {
  test("is made by the first message that was missed, and not before", async () => {
    FakeNotification.permission = "default";
    const { arrive, offer, choices } = await tab("garden", "unasked");
    arrive("lobby");
    expect(offer()).toBeNull();
    look(false);
    arrive("lobby", { level: "nothing" });
    expect(offer()).toBeNull();
    arrive("lobby");
    expect([offer()?.name, FakeNotification.requests]).toEqual(["Bob", 0]);
    look(true);
    await flushPromises(() => offer()?.accept());
    expect([offer(), FakeNotification.requests, choices.get().notifications]).toEqual([null, 1, "on"]);
    arrive("lobby");
    expect(titles()).toEqual(["Bob in lobby"]);
  });

  test("can be declined, in all tabs", async () => {
    FakeNotification.permission = "default";
    const [one, two] = [await tab("garden", "unasked"), await tab("garden", "unasked")];
    look(false);
    one.arrive("lobby");
    two.arrive("lobby");
    await flushPromises(() => one.offer()?.decline());
    expect([one.offer(), two.offer(), two.choices.get().notifications]).toEqual([null, null, "off"]);
    one.arrive("lobby");
    expect([one.offer(), FakeNotification.requests]).toEqual([null, 0]);
  });

  test("is not made again after the browser has refused", async () => {
    FakeNotification.permission = "default";
    FakeNotification.answer = "denied";
    const { arrive, offer, choices } = await tab("garden", "unasked");
    look(false);
    arrive("lobby");
    await flushPromises(() => offer()?.accept());
    expect([offer(), choices.get().notifications]).toEqual([null, "off"]);
  });
});

test("a tab that has not said anything for long is taken for gone", () => {
  jest.useFakeTimers();
  const [one, two] = [new Attention("a", () => undefined), new Attention("a", () => undefined)];
  two.set("lobby");
  jest.advanceTimersByTime(300_000); // it says so again and again
  expect(one.isIn("lobby")).toBe(true);
  jest.setSystemTime(Date.now() + 61_000);
  expect(one.isIn("lobby")).toBe(false);
  one.close();
  two.close();
  jest.useRealTimers();
});
