import { render, screen } from "@testing-library/react-native";
import { Alert, BackHandler, Dimensions, Linking, type AlertButton } from "react-native";

import { Session } from "../core/session";
import { App } from "./App";
import { spot } from "./spot";
import { flushPromises, World } from "./testing";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));
jest.mock("./messages/Messages", () => ({ Messages: () => null }));
jest.mock("expo-localization", () => ({
  getLocales: () => [{ languageTag: "en-GB", regionCode: "GB" }],
  getCalendars: () => [{ uses24hourClock: true }],
}));
jest.mock(
  "react-native-safe-area-context",
  () => jest.requireActual("react-native-safe-area-context/jest/mock").default,
);

// The first render compiles React Native when jest's cache is empty, which takes long on a busy machine.
jest.setTimeout(120_000);

const here = "https://here.test";

let world: World;
let arrives: (event: { url: string }) => void;
const asked = jest.spyOn(Alert, "alert").mockImplementation(() => undefined);
const starts = jest.spyOn(Session.prototype, "start");

/** Opens the app of a phone, perhaps by a link, signed in on a server or not. */
async function open(link: string | null, server: string | null = here): Promise<Session> {
  jest.spyOn(Linking, "getInitialURL").mockResolvedValue(link);
  jest.spyOn(Linking, "addEventListener").mockImplementation((_, listener) => {
    arrives = listener;
    return { remove: () => undefined } as ReturnType<typeof Linking.addEventListener>;
  });
  if (server !== null) world.kept.set("server", server).set("identity", JSON.stringify({ client: "Ann" }));
  render(<App platform={world.platform(null)} />);
  await flushPromises();
  const session = starts.mock.contexts.at(-1);
  if (session === undefined) throw new Error("the app has not started");
  return session;
}

const arrive = (url: string) => flushPromises(() => arrives({ url }));

/** Answers the last question of the system. */
async function answer(label: string): Promise<void> {
  const buttons: AlertButton[] = asked.mock.calls.at(-1)?.[2] ?? [];
  const button = buttons.find(({ text }) => text === label);
  if (button === undefined) throw new Error(`no button ${label} in ${JSON.stringify(buttons)}`);
  await flushPromises(() => button.onPress?.());
}

const question = () => asked.mock.calls.at(-1)?.[1];

beforeEach(() => {
  Dimensions.set({ window: { width: 390, height: 800, scale: 1, fontScale: 1 } });
  world = new World();
  asked.mockClear();
});
afterEach(async () => {
  for (const session of starts.mock.contexts) {
    const stage = session.stage.get();
    if (stage.is === "chat") await flushPromises(() => stage.chat.close());
  }
  starts.mockClear();
});

describe("a link", () => {
  test("that starts the app leads to its room and message", async () => {
    await open("restante://here.test/#/lobby/42");
    expect(spot.get()).toEqual({ room: "lobby", seq: 42 });
    expect(screen.getByTestId("composer")).toBeOnTheScreen();
    expect(asked).not.toHaveBeenCalled();
  });

  test.each(["restante://here.test/#/lobby/7", "https://here.test/#/lobby/7"])(
    "%s leads there while the app runs, and Back leads to the list",
    async (link) => {
      const listen = jest.spyOn(BackHandler, "addEventListener");
      await open(null);
      expect(spot.get()).toEqual({ room: null, seq: null });
      await arrive(link);
      expect(spot.get()).toEqual({ room: "lobby", seq: 7 });
      const [, pressed] = listen.mock.calls.at(-1) ?? [];
      await flushPromises(() => expect(pressed?.({ type: "hardwareBackPress", timeStamp: 0 })).toBe(true));
      expect(spot.get()).toEqual({ room: null, seq: null });
      listen.mockRestore();
    },
  );

  test("to another server changes nothing unless the person says so", async () => {
    const session = await open(null);
    await arrive("restante://there.test/#/garden/3");
    expect(question()).toContain("The link leads to https://there.test.");
    expect(question()).toContain("signed out of https://here.test");
    expect([session.stage.get().is, world.kept.get("server")]).toEqual(["chat", here]);
    await answer("Cancel");
    expect([session.stage.get().is, world.kept.get("server"), spot.get().room]).toEqual(["chat", here, null]);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  test("to another server signs out there, and leads to its room after signing in", async () => {
    const session = await open(null);
    await arrive("restante://there.test/#/garden/3");
    await answer("Sign out and open");
    expect(session.stage.get()).toMatchObject({ is: "name", server: "https://there.test" });
    expect(spot.get().room).toBeNull();
    await flushPromises(() => session.enterName("Bob"));
    expect(spot.get()).toEqual({ room: "garden", seq: 3 });
    expect(asked).toHaveBeenCalledTimes(1);
  });

  test("to a server that does not answer leaves the person signed in, and says so", async () => {
    const session = await open(null);
    await arrive("restante://there.test/#/garden/3");
    world.status = 0;
    await answer("Sign out and open");
    expect(question()).toBe("Nobody answers at this address.");
    expect([session.stage.get().is, world.kept.get("server")]).toEqual(["chat", here]);
  });

  test("tells how many messages would be lost", async () => {
    const session = await open(null);
    const stage = session.stage.get();
    if (stage.is !== "chat") throw new Error(stage.is);
    await world.become({ status: 503 });
    await flushPromises(() => void stage.chat.join("lobby").send("hello"));
    await arrive("restante://there.test/#/garden");
    expect(question()).toContain("One message that waits to be sent would be lost.");
  });

  test.each([
    ["http://nas:8080", "http"],
    ["https://nas:8080", "https"],
  ])("asks also if there is no server yet, and finds %s in the own network", async (server, scheme) => {
    const { fetch } = global;
    global.fetch = (url, init) =>
      String(url).startsWith(`${scheme}:`) ? fetch(url, init) : Promise.reject(new TypeError("no answer"));
    const session = await open("restante://nas:8080/#/lobby", null);
    expect(session.stage.get().is).toBe("server");
    expect(question()).toBe("The link leads to http://nas:8080. Use this server?");
    await answer("Use this server");
    expect(session.stage.get()).toMatchObject({ is: "name", server });
  });

  test("is forgotten for a newer one that arrives during the question", async () => {
    await open(null);
    await arrive("restante://there.test/#/garden/3");
    await arrive("restante://here.test/#/lobby/9");
    expect(spot.get().room).toBeNull();
    await answer("Cancel");
    expect(spot.get()).toEqual({ room: "lobby", seq: 9 });
  });

  test.each(["restante://here.test/#/../lobby", "javascript:alert(1)", "http://here.test/#/lobby", "restante://", ""])(
    "%j does nothing",
    async (link) => {
      await open(link);
      expect([spot.get().room, asked.mock.calls.length]).toEqual([null, 0]);
    },
  );
});
