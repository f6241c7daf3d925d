import { act, fireEvent, screen } from "@testing-library/react-native";

import type { Chat } from "../../core/chat";
import { draw, flushPromises, World } from "../testing";
import { Find } from "./Find";

jest.mock("../../core/hub", () => ({ dial: jest.fn() }));

jest.setTimeout(60_000); // hundreds of rows take long on a busy machine

describe("finding a room", () => {
  let world: World;
  let chat: Chat;
  let did: string[];
  beforeEach(async () => {
    world = new World();
    world.rooms = ["garage", "garden", "lobby"];
    chat = await world.chat();
    did = [];
    jest.useFakeTimers();
  });
  afterEach(async () => {
    jest.useRealTimers();
    await world.close();
  });

  const open = () =>
    draw(world, <Find chat={chat} onShow={(room) => did.push(room)} onClose={() => did.push("close")} />);
  const field = () => screen.getByLabelText("Room");
  const answer = async () => {
    await act(() => jest.advanceTimersByTime(300));
    await flushPromises();
  };
  const type = async (text: string) => {
    fireEvent.changeText(field(), text);
    await answer();
  };
  const enter = async () => {
    fireEvent(field(), "submitEditing");
    await flushPromises();
  };
  const options = () =>
    screen
      .queryAllByRole("option")
      .map((option) => String(option.props["accessibilityLabel"] ?? option.props["aria-label"]));
  const asked = () => jest.mocked(fetch).mock.calls.filter(([url]) => /prefix/.test(String(url))).length;

  test("lists one's own rooms and those of the server, with what a press does", async () => {
    await open();
    await answer();
    expect(options()).toEqual(["lobby, You are in it, Open", "garage, 1 message, Join", "garden, 1 message, Join"]);
    fireEvent.press(screen.getByTestId("directory-garden"));
    expect([did, chat.room("garden")?.name]).toEqual([["close", "garden"], "garden"]);
  });

  test("opens a room that one is in, and joins none", async () => {
    await open();
    await type("lob");
    await enter();
    expect(did).toEqual(["close", "lobby"]);
  });

  test("asks the server once for what was typed in a row", async () => {
    await open();
    await answer();
    const before = asked();
    for (const text of ["g", "ga", "gar"]) fireEvent.changeText(field(), text);
    await answer();
    expect(asked()).toBe(before + 1);
  });

  test("creates a room by an answer of its own, not by the way to join", async () => {
    await open();
    await type("gard");
    expect(options()).toEqual(["garden, 1 message, Join", "gard, Create this room"]);
    fireEvent(field(), "keyPress", { nativeEvent: { key: "ArrowDown" }, preventDefault: () => undefined });
    await enter();
    expect(did).toEqual(["close", "gard"]);
  });

  test("does not offer to create what one is in", async () => {
    await open();
    await type("Lobby");
    expect(options()).toEqual(["lobby, You are in it, Open"]);
  });

  test("concludes nothing from a part of a list", async () => {
    world.rooms = Array.from({ length: 900 }, (_, n) => `project-${String(n).padStart(3, "0")}`);
    await open();
    await type("project-");
    expect(screen.getByText("More rooms begin with this: type on.")).toBeOnTheScreen();
    expect(options().filter((label) => /Create/.test(label))).toEqual([]);
    await type("project-87");
    expect(screen.getByTestId("directory-project-877")).toBeOnTheScreen();
    expect(screen.queryByText(/type on/)).toBeNull();
    await type("project-899x");
    expect(options()).toEqual(["project-899x, Create this room"]);
  });

  test("takes Enter before the server has answered", async () => {
    await open();
    fireEvent.changeText(field(), "garden");
    await enter();
    expect(did).toEqual([]);
    await answer();
    expect(did).toEqual(["close", "garden"]);
  });

  test("does not create a room by an Enter before the server has answered", async () => {
    await open();
    fireEvent.changeText(field(), "fresh");
    await enter();
    await answer();
    expect([did, options()]).toEqual([[], ["fresh, Create this room"]]);
  });

  test.each([
    ["my room", "A name has no spaces. Use a hyphen instead.", "my-room"],
    ["möbel", /cannot have “ö”/, "mobel"],
    ["-x", "A name begins with a small letter or a digit.", "x"],
    ["x".repeat(66), "This name is 2 characters too long: it may have 64.", "x".repeat(64)],
  ])("says while %j is typed what is wrong with it, and what would be right", async (text, problem, better) => {
    await open();
    await type(text);
    expect(screen.getByRole("alert")).toHaveTextContent(problem);
    fireEvent.press(screen.getByRole("button", { name: `Use ${better}` }));
    await answer();
    expect(screen.queryByRole("alert")).toBeNull();
    expect(options()).toEqual([`${better}, Create this room`]);
  });

  test("says that the server does not answer, and tries again", async () => {
    await world.become({ status: 0 });
    await open();
    await type("lo");
    expect(screen.getByText("The server cannot be reached. Only your own rooms are shown.")).toBeOnTheScreen();
    expect(options()).toEqual([
      "lobby, You are in it, Open",
      "lo, If it does not exist, it begins with its first message, Join",
    ]);
    world.status = 200;
    fireEvent.press(screen.getByRole("button", { name: "Try again" }));
    await answer();
    expect(screen.queryByText(/cannot be reached/)).toBeNull();
  });
});
