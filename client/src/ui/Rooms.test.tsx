import { fireEvent, screen } from "@testing-library/react-native";

import { Rooms } from "./Rooms";
import { draw, flushPromises, World } from "./testing";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));

describe("the list of rooms", () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.close());

  async function list(language: "en" | "ar" = "en") {
    const chat = await world.chat();
    const shown: string[] = [];
    await draw(world, <Rooms chat={chat} current="lobby" onShow={(room) => shown.push(room)} />, { language });
    return { chat, shown };
  }

  test("shows who wrote last in a room, and opens it", async () => {
    world.message("lobby", "Bob", "hello");
    const { shown } = await list();
    const row = screen.getByTestId("room-lobby");
    expect(row).toHaveAccessibleName("lobby, Bob: hello");
    expect(row.props).toMatchObject({ "aria-current": "page" });
    fireEvent.press(row);
    expect(shown).toEqual(["lobby"]);
  });

  test("counts the unread messages", async () => {
    world.message("lobby", "Bob", "one");
    const { chat } = await list();
    world.message("lobby", "Bob", "two");
    world.message("lobby", "Bob", "three");
    await world.become({});
    await flushPromises(() => chat.retry());
    expect(screen.getByTestId("room-lobby")).toHaveAccessibleName("lobby, 2 unread, Bob: three");
    expect(screen.getByText("2")).toBeOnTheScreen();
  });

  test("shows a draft, and a waiting message", async () => {
    const { chat } = await list();
    await world.become({ status: 0 });
    await flushPromises(() => chat.room("lobby")?.send("mine"));
    expect(screen.getByTestId("room-lobby")).toHaveAccessibleName("lobby, You: mine");
    await flushPromises(() => chat.room("lobby")?.write("dear"));
    expect(screen.getByTestId("room-lobby")).toHaveAccessibleName("lobby, Draft: dear");
  });

  test("shows a hint if the client is in no room", async () => {
    const { chat } = await list();
    await flushPromises(() => chat.leave("lobby"));
    expect(screen.getByText(/You are not in a room yet/)).toBeOnTheScreen();
  });

  test("joins a room of the server", async () => {
    world.rooms = ["garden", "garage", "lobby"];
    const { chat, shown } = await list();
    fireEvent.press(screen.getByRole("button", { name: "Join a room" }));
    await flushPromises();
    expect(screen.queryByTestId("directory-lobby")).toBeNull();
    fireEvent.changeText(screen.getByLabelText("Room"), "gard");
    expect(screen.queryByTestId("directory-garage")).toBeNull();
    fireEvent.press(screen.getByTestId("directory-garden"));
    await flushPromises();
    expect(shown).toEqual(["garden"]);
    expect(chat.room("garden")).toBeDefined();
    expect(screen.queryByLabelText("Room")).toBeNull();
  });

  test("creates a room if its name is valid", async () => {
    const { shown } = await list();
    fireEvent.press(screen.getByRole("button", { name: "Join a room" }));
    await flushPromises();
    const join = async (name: string) => {
      fireEvent.changeText(screen.getByLabelText("Room"), name);
      fireEvent.press(screen.getByRole("button", { name: "Join" }));
      await flushPromises();
    };
    await join("my room");
    expect(screen.getByRole("alert")).toHaveTextContent(/No room can have this name/);
    expect(shown).toEqual([]);
    await join(" New-Room ");
    expect(shown).toEqual(["new-room"]);
  });

  test("shows that the server's rooms cannot be loaded", async () => {
    await list();
    await world.become({ status: 0 });
    fireEvent.press(screen.getByRole("button", { name: "Join a room" }));
    await flushPromises();
    expect(screen.getByText("The rooms of this server cannot be listed now.")).toBeOnTheScreen();
  });
});
