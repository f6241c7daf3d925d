import { act, fireEvent, screen } from "@testing-library/react-native";
import { AppState } from "react-native";

import type { Chat } from "../core/chat";
import { Failure } from "../core/failure";
import type { Room } from "../core/room";
import { Composer } from "./Composer";
import { draw, flushPromises, World } from "./testing";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));

describe("the composer", () => {
  let world: World;
  let chat: Chat;
  let room: Room;
  const field = () => screen.getByTestId("composer");
  const send = () => screen.getByTestId("send");

  beforeEach(async () => {
    world = new World();
    chat = await world.chat();
    room = chat.join("garden");
    jest.useFakeTimers();
  });
  afterEach(async () => {
    jest.useRealTimers();
    await world.close();
  });

  test("sends the text, and is empty then", async () => {
    await draw(world, <Composer room={room} focused={false} />);
    fireEvent.changeText(field(), "hello\nyou");
    fireEvent.press(send());
    await flushPromises();
    expect(world.posted).toEqual([{ room: "garden", msg: "hello\nyou" }]);
    expect(field()).toHaveProp("value", "");
    act(() => jest.advanceTimersByTime(1000));
    expect(room.draft.get()).toBe("");
  });

  test("does not send blank text", async () => {
    await draw(world, <Composer room={room} focused={false} />);
    expect(send()).toBeDisabled();
    fireEvent.changeText(field(), " \n ");
    expect(send()).toBeDisabled();
    fireEvent.changeText(field(), " x ");
    expect(send()).toBeEnabled();
  });

  test("shows how many bytes are left near the limit, and does not send more", async () => {
    await draw(world, <Composer room={room} focused={false} />);
    fireEvent.changeText(field(), "x".repeat(30_000));
    expect(screen.queryByTestId("remaining")).toBeNull();
    fireEvent.changeText(field(), "é".repeat(16_000));
    expect(screen.getByTestId("remaining")).toHaveTextContent("768 bytes left");
    fireEvent.changeText(field(), "x".repeat(32 * 1024));
    expect(send()).toBeEnabled();
    fireEvent.changeText(field(), "é".repeat(16 * 1024) + "x");
    expect(screen.getByRole("alert")).toHaveTextContent(/1 byte too long/);
    expect(send()).toBeDisabled();
    fireEvent.press(send());
    await flushPromises();
    expect(world.posted).toEqual([]);
    expect(field()).toHaveProp("value", "é".repeat(16 * 1024) + "x");
  });

  test("stores the draft after a moment", async () => {
    await draw(world, <Composer room={room} focused={false} />);
    fireEvent.changeText(field(), "dear");
    expect(room.draft.get()).toBe("");
    act(() => jest.advanceTimersByTime(400));
    expect(room.draft.get()).toBe("dear");
  });

  test("stores the draft at once when the user leaves the room", async () => {
    const { unmount } = await draw(world, <Composer room={room} focused={false} />);
    fireEvent.changeText(field(), "dear");
    unmount();
    expect(room.draft.get()).toBe("dear");
  });

  test("stores the draft at once when the user leaves the app", async () => {
    const listen = jest.mocked(AppState.addEventListener).mockClear(); // the preset mocks it
    await draw(world, <Composer room={room} focused={false} />);
    fireEvent.changeText(field(), "dear");
    const heard = listen.mock.calls.filter(([event]) => event === "change").map(([, listener]) => listener);
    expect(heard.length).toBeGreaterThan(0);
    act(() => heard.forEach((listener) => listener("background")));
    expect(room.draft.get()).toBe("dear");
  });

  test("starts with the draft, and follows another tab's unless a change is pending here", async () => {
    room.write("dear");
    await draw(world, <Composer room={room} focused={false} />);
    expect(field()).toHaveProp("value", "dear");
    act(() => room.draft.set("dear Bob"));
    expect(field()).toHaveProp("value", "dear Bob");
    fireEvent.changeText(field(), "dear Bob, I");
    act(() => room.draft.set("something else"));
    expect(field()).toHaveProp("value", "dear Bob, I");
    act(() => jest.advanceTimersByTime(400));
    expect(room.draft.get()).toBe("dear Bob, I");
  });
});

test.each([
  [
    "that is not accepted",
    new Failure("rejected", "msg is too long"),
    /^The message was not accepted: The text is empty, too long/,
  ],
  ["that is sent but not kept", new Error("full"), /^The message is being sent, but this device cannot save it\./],
])("the composer shows a message %s", async (_, error, text) => {
  const world = new World();
  const room = (await world.chat()).join("garden");
  await draw(world, <Composer room={room} focused={false} />);
  jest.spyOn(room, "send").mockRejectedValue(error);
  fireEvent.changeText(screen.getByTestId("composer"), "hello");
  fireEvent.press(screen.getByTestId("send"));
  await flushPromises();
  expect(screen.getByRole("alert")).toHaveTextContent(text);
  await world.close();
});
