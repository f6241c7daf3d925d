import { fireEvent, render, screen } from "@testing-library/react-native";
import { BackHandler, Dimensions } from "react-native";

import { Session } from "../core/session";
import { App } from "./App";
import { flushPromises, token, World } from "./testing";

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

const screenOf = (width: number) => ({ width, height: 800, scale: 1, fontScale: 1 });

let world: World;
const press = async (name: string) => {
  fireEvent.press(screen.getByRole("button", { name }));
  await flushPromises();
};

async function open(width: number, identity = JSON.stringify({ client: "Ann" })) {
  Dimensions.set({ window: screenOf(width), screen: screenOf(width) });
  world.kept.set("identity", identity);
  const { unmount } = render(<App platform={world.platform()} />);
  await flushPromises();
  return unmount;
}

let sessions: Session[];
const starts = jest.spyOn(Session.prototype, "start");
beforeEach(() => {
  world = new World();
  sessions = starts.mock.contexts;
});
afterEach(async () => {
  for (const session of sessions) {
    const stage = session.stage.get();
    if (stage.is === "chat") await flushPromises(() => stage.chat.close());
  }
  starts.mockClear();
});

describe("the app", () => {
  test("asks for the name, then shows the rooms", async () => {
    Dimensions.set({ window: screenOf(390), screen: screenOf(390) });
    render(<App platform={world.platform()} />);
    await flushPromises();
    fireEvent.changeText(screen.getByLabelText("Your name"), "Ann");
    await press("Continue");
    expect(screen.getByTestId("room-lobby")).toBeOnTheScreen();
    expect(JSON.parse(world.kept.get("identity") ?? "")).toEqual({ client: "Ann" });
  });

  test("shows a room instead of the list in a narrow window, and leads back", async () => {
    await open(390);
    expect(screen.queryByTestId("composer")).toBeNull();
    fireEvent.press(screen.getByTestId("room-lobby"));
    await flushPromises();
    expect(screen.getByTestId("composer")).toBeOnTheScreen();
    expect(screen.queryByTestId("room-lobby")).toBeNull();
    expect(screen.getAllByTestId("link")).toHaveLength(1);
    await press("Back");
    expect(screen.getByTestId("room-lobby")).toBeOnTheScreen();
  });

  test("goes back with the phone's back button", async () => {
    const listen = jest.spyOn(BackHandler, "addEventListener");
    await open(390);
    expect(listen).not.toHaveBeenCalled();
    fireEvent.press(screen.getByTestId("room-lobby"));
    await flushPromises();
    const [, pressed] = listen.mock.calls.at(-1) ?? [];
    await flushPromises(() => expect(pressed?.({ type: "hardwareBackPress", timeStamp: 0 })).toBe(true));
    listen.mockRestore();
    await flushPromises();
    expect(screen.getByTestId("room-lobby")).toBeOnTheScreen();
  });

  test("shows both side by side in a wide window", async () => {
    await open(1000);
    await press("Open lobby");
    expect(screen.getByTestId("composer")).toBeOnTheScreen();
    expect(screen.getByTestId("room-lobby")).toBeOnTheScreen();
    expect(screen.queryByRole("button", { name: "Back" })).toBeNull();
    expect(screen.getAllByTestId("link")).toHaveLength(1);
  });
});

describe("a user", () => {
  test("leaves a room after a confirmation", async () => {
    await open(1000);
    fireEvent.press(screen.getByTestId("room-lobby"));
    await flushPromises();
    await press("About this room");
    await press("Leave the room");
    expect(screen.getByTestId("room-lobby")).toBeOnTheScreen();
    await press("Leave the room");
    expect(screen.queryByTestId("room-lobby")).toBeNull();
    expect(screen.queryByTestId("composer")).toBeNull();
  });

  test("without the right to send can read", async () => {
    await open(
      1000,
      JSON.stringify({
        client: "Ann",
        token: token({ sub: "Ann", exp: Date.now() / 1000 + 60, rooms: ["lobby"], publish: false }),
      }),
    );
    fireEvent.press(screen.getByTestId("room-lobby"));
    await flushPromises();
    expect(screen.queryByTestId("composer")).toBeNull();
    expect(screen.getByText("You may read here, but not write.")).toBeOnTheScreen();
  });

  test("chooses another language, which is stored", async () => {
    const unmount = await open(1000);
    await press("Settings");
    await press("Deutsch");
    expect(screen.getByRole("button", { name: "Schließen" })).toBeOnTheScreen();
    expect(world.kept.get("language")).toBe("de");
    await press("Dunkel");
    expect(world.kept.get("scheme")).toBe("dark");
    unmount();
    await open(1000);
    expect(screen.getByText("Willkommen, Ann")).toBeOnTheScreen();
  });

  test("sees who they are, the version of the server, and what the browser allows", async () => {
    await open(1000);
    await press("Settings");
    expect(screen.getByTestId("version")).toHaveTextContent("The server has version 1.2.3.");
    await press("Compact");
    expect(world.kept.get("density")).toBe("compact");
  });

  test("signs out at once when nothing waits", async () => {
    await open(1000);
    await press("Settings");
    await press("Sign out");
    expect(screen.getByLabelText("Your name")).toBeOnTheScreen();
    expect(world.kept.has("identity")).toBe(false);
  });

  test("is warned before messages of somebody else on this device are lost", async () => {
    world.unsent = 2;
    await open(1000);
    await press("Settings");
    await press("Sign out");
    expect(screen.getByRole("alert")).toHaveTextContent(/^2 messages have not been sent/);
    expect(world.kept.has("identity")).toBe(true);
  });

  test("is warned before waiting messages are lost", async () => {
    await open(1000);
    fireEvent.press(screen.getByTestId("room-lobby"));
    await flushPromises();
    await world.become({ status: 0 });
    fireEvent.changeText(screen.getByTestId("composer"), "unsent");
    fireEvent.press(screen.getByTestId("send"));
    await flushPromises();
    await press("Settings");
    await press("Sign out");
    expect(screen.getByRole("alert")).toHaveTextContent(/1 message has not been sent/);
    await press("Cancel");
    expect(screen.getByTestId("room-lobby")).toBeOnTheScreen();
    await press("Sign out");
    await press("Sign out and lose them");
    expect(screen.queryByTestId("room-lobby")).toBeNull();
  });
});
