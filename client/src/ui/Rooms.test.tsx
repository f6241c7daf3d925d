import { fireEvent, screen } from "@testing-library/react-native";
import { Platform } from "react-native";

import type { Chat } from "../core/chat";
import { Preferences } from "./preferences";
import { useReadable } from "./readable";
import { Rooms } from "./Rooms";
import { useCalmOrder } from "./rooms/order";
import { draw, flushPromises, World } from "./testing";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));

interface ListProps {
  readonly chat: Chat;
  readonly current: string | null;
  readonly onShow: (room: string) => void;
  readonly onFind: () => void;
}

function List(props: ListProps) {
  const list = useCalmOrder(useReadable(props.chat.rooms));
  return <Rooms {...props} list={list} onSettings={() => undefined} />;
}

describe("the list of rooms", () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.close());

  async function list(current: string | null = "lobby", preferences = new Preferences(world.keyValues)) {
    const chat = await world.chat();
    const shown: string[] = [];
    await draw(
      world,
      <List
        chat={chat}
        current={current}
        onShow={(room) => shown.push(room)}
        onFind={() => shown.push("find a room")}
      />,
      { preferences },
    );
    return { chat, shown };
  }

  test("shows who wrote last in a room, and opens it as a link", async () => {
    world.message("lobby", "Bob", "hello");
    const { shown } = await list();
    const row = screen.getByTestId("room-lobby");
    expect(row).toHaveAccessibleName("lobby, Bob: hello");
    expect(row.props).toMatchObject({ role: "link", "aria-current": "page" });
    fireEvent.press(row);
    expect(shown).toEqual(["lobby"]);
  });

  test("leaves presses with a key to the browser, which opens another tab", async () => {
    const { shown } = await list();
    const web = jest.replaceProperty(Platform, "OS", "web");
    let prevented = 0;
    const press = (keys: object) =>
      fireEvent.press(screen.getByTestId("room-lobby"), { nativeEvent: keys, preventDefault: () => prevented++ });
    press({ ctrlKey: true });
    press({ metaKey: true });
    press({ shiftKey: true });
    expect([shown, prevented]).toEqual([[], 0]);
    press({});
    expect([shown, prevented]).toEqual([["lobby"], 1]);
    web.restore();
  });

  test("counts the unread messages, and makes the name strong", async () => {
    world.message("lobby", "Bob", "one");
    const { chat } = await list();
    expect(screen.getByText("lobby")).toHaveStyle({ fontWeight: "400" });
    world.message("lobby", "Bob", "two");
    world.message("lobby", "Bob", "three");
    await world.become({});
    await flushPromises(() => chat.retry());
    expect(screen.getByTestId("room-lobby")).toHaveAccessibleName("lobby, 2 unread, Bob: three");
    expect(screen.getByText("2")).toBeOnTheScreen();
    expect(screen.getByText("lobby")).toHaveStyle({ fontWeight: "600" });
  });

  test.each(["mentions", "nothing"] as const)("does not shout about a room that notifies of %s", async (level) => {
    world.message("lobby", "Bob", "one");
    const { chat } = await list();
    await flushPromises(() => chat.setLevel("lobby", level));
    world.message("lobby", "Bob", "two");
    await world.become({});
    await flushPromises(() => chat.retry());
    expect(screen.getByText("lobby")).toHaveStyle({ fontWeight: "400" });
    expect(screen.getByText("1")).toBeOnTheScreen();
  });

  test("shows a draft and a waiting message, but no draft of the visible room", async () => {
    const { chat } = await list(null);
    await world.become({ status: 0 });
    await flushPromises(() => chat.room("lobby")?.send("mine"));
    expect(screen.getByTestId("room-lobby")).toHaveAccessibleName("lobby, You: mine");
    await flushPromises(() => chat.room("lobby")?.write("dear"));
    expect(screen.getByTestId("room-lobby")).toHaveAccessibleName("lobby, Draft: dear");
    screen.unmount();
    await draw(world, <List chat={chat} current="lobby" onShow={() => undefined} onFind={() => undefined} />);
    expect(screen.getByTestId("room-lobby")).toHaveAccessibleName("lobby, You: mine");
  });

  test("is as dense as the user has chosen", async () => {
    world.message("lobby", "Bob", "hello");
    const preferences = new Preferences(world.keyValues);
    await list("lobby", preferences);
    expect(screen.getByText(/hello/)).toBeOnTheScreen();
    await flushPromises(() => preferences.choose({ density: "compact" }));
    expect(screen.queryByText(/hello/)).toBeNull();
    expect(screen.getByTestId("room-lobby")).toHaveAccessibleName("lobby, Bob: hello");
  });

  test("draws the rows that are in view and not five hundred", async () => {
    const { chat } = await list();
    await flushPromises(() => {
      for (let n = 0; n < 500; n++) chat.join(`room-${n}`);
    });
    const rows = screen.getAllByRole("link").length;
    expect(rows).toBeGreaterThan(10);
    expect(rows).toBeLessThan(100);
  });

  test("always shows who one is", async () => {
    await list();
    expect(screen.getByTestId("me")).toHaveTextContent("Ann");
    expect(screen.getByTestId("link")).toHaveTextContent("Connected");
  });
});

describe("somebody who is in few rooms", () => {
  let world: World;
  beforeEach(() => {
    world = new World();
    world.rooms = ["garden", "lobby"];
  });
  afterEach(() => world.close());

  test("is shown others of the server, and joins one", async () => {
    const chat = await world.chat();
    const shown: string[] = [];
    await draw(
      world,
      <List chat={chat} current={null} onShow={(room) => shown.push(room)} onFind={() => shown.push("find")} />,
    );
    expect(screen.queryByTestId("discover-lobby")).toBeNull();
    fireEvent.press(screen.getByTestId("discover-garden"));
    await flushPromises();
    expect([shown, chat.room("garden")?.name]).toEqual([["garden"], "garden"]);
    expect(screen.queryByTestId("discover-garden")).toBeNull();
    fireEvent.press(screen.getByRole("button", { name: "Find or create a room" }));
    expect(shown).toEqual(["garden", "find"]);
  });

  test("finds a way also when the server does not answer, or when all rooms are left", async () => {
    const chat = await world.chat();
    await world.become({ status: 0 });
    await draw(world, <List chat={chat} current={null} onShow={() => undefined} onFind={() => undefined} />);
    await flushPromises(() => chat.leave("lobby"));
    expect(screen.getByText("You are in no room yet.")).toBeOnTheScreen();
    expect(screen.getByRole("button", { name: "Find or create a room" })).toBeOnTheScreen();
  });

  test("is left alone when there are more", async () => {
    const chat = await world.chat();
    for (const room of ["a", "b", "c"]) chat.join(room);
    await draw(world, <List chat={chat} current={null} onShow={() => undefined} onFind={() => undefined} />);
    expect(screen.queryByTestId("discover-garden")).toBeNull();
  });
});
