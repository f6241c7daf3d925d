import { act, fireEvent, screen, within } from "@testing-library/react-native";
import { useImperativeHandle } from "react";
import { Linking, View } from "react-native";

import type { Chat } from "../../core/chat";
import type { Outgoing, Written } from "../../core/message";
import type { Room } from "../../core/room";
import type { Timeline } from "../../core/timeline";
import { draw, flushPromises, World } from "../testing";
import type { ListHandle, ListProps } from "./list";
import { Messages } from "./Messages";

jest.mock("../../core/hub", () => ({ dial: jest.fn() }));

let mockAttentive = true;
jest.mock("./useAttention", () => ({ useAttention: () => mockAttentive }));

type Shown = Omit<ListProps, "ref">;
const mockSeen = jest.fn<void, [Shown]>();
const mockHandle: jest.Mocked<ListHandle> = { toEnd: jest.fn(), stay: jest.fn(), toKey: jest.fn(), show: jest.fn() };
/** Shows all rows at once. The real lists show only visible rows, and in the test no row is visible. */
jest.mock("./List", () => ({ List: (props: ListProps) => <MockList {...props} /> }));
function MockList({ ref, ...shown }: ListProps) {
  const { label, rows, render } = shown;
  mockSeen(shown);
  useImperativeHandle(ref, () => mockHandle);
  return (
    <View testID="messages" accessibilityLabel={label}>
      {rows.map((row) => (
        <View key={row.key} testID="row">
          {render(row)}
        </View>
      ))}
    </View>
  );
}

/** Returns the last props of the list. */
function shown(): Shown {
  const [last] = mockSeen.mock.lastCall ?? [];
  if (last === undefined) throw new Error("the list was not drawn");
  return last;
}

const mockCopied = jest.fn<Promise<boolean>, [string]>(() => Promise.resolve(true));
jest.mock("../clipboard", () => ({ copyText: (text: string) => mockCopied(text) }));

let world: World;
let chat: Chat;
const visited = jest.fn<void, [string, number | null]>();

beforeEach(() => {
  mockAttentive = true;
  world = new World();
});
afterEach(async () => {
  jest.useRealTimers();
  jest.restoreAllMocks();
  for (const deed of Object.values(mockHandle)) deed.mockReset();
  await world.close();
});

/** Opens the lobby with these messages. */
async function open(...said: readonly (readonly [string, string])[]): Promise<Room> {
  for (const [client, text] of said) world.message("lobby", client, text);
  chat = await world.chat();
  const room = chat.room("lobby");
  if (room === undefined) throw new Error("the lobby was not joined");
  await draw(world, <Messages chat={chat} room={room} at={null} onVisit={visited} />);
  return room;
}

/** What a message of the client has in every state. */
const own = (id: string, order = 1): Written => ({
  kind: "outgoing",
  id,
  room: "lobby",
  msg: `text of ${id}`,
  written_at: "2026-05-04T12:00:00Z",
  order,
});
const change = (room: Room, what: Partial<Timeline>) =>
  flushPromises(() => room.timeline.update((timeline) => ({ ...timeline, ...what })));
interface Drawn {
  readonly children: readonly (Drawn | string)[];
}
const textOf = (node: Drawn | string): string => (typeof node === "string" ? node : node.children.map(textOf).join(""));
const texts = () => screen.queryAllByTestId("text").map(textOf);
/** Delivers messages from the server, all at once. */
async function deliver(room: Room, ...said: readonly (readonly [string, string])[]): Promise<void> {
  jest.useFakeTimers({ doNotFake: ["queueMicrotask"] });
  for (const [client, text] of said) world.message("lobby", client, text);
  for (const fresh of world.log.get("lobby")?.slice(-said.length) ?? []) room.receive(fresh);
  await act(() => jest.advanceTimersByTimeAsync(50));
}

const message = (seq: number) => within(screen.getByTestId(`message-${seq}`));

describe("the messages of a room", () => {
  test("are in order, with sender, time, and state", async () => {
    await open(["Bob", "one"], ["Bob", "two"], ["Ann", "three"]);
    expect(texts()).toEqual(["one", "two", "three"]);
    expect(shown().label).toBe("Messages in lobby");
    expect(screen.getAllByTestId("row")).toHaveLength(4);
    expect(screen.getByTestId("day")).toHaveTextContent("Monday, May 4");
    expect([1, 2].map((seq) => message(seq).getAllByText("Bob").length)).toEqual([1, 1]);
    expect(message(3).getByText("You")).toBeTruthy();
    expect(message(3).getByLabelText("Accepted")).toBeTruthy();
    expect(message(1).queryByTestId("state")).toBeNull();
    expect(message(1).getByText(/^12:00\sPM$/).props.accessibilityLabel).toMatch(/May 4, 2026.*12:00:00/);
  });

  test("of the client wait, fail, and are tried again or discarded", async () => {
    const room = await open(["Bob", "one"]);
    const notHere = { code: "forbidden", text: "not here" };
    await change(room, {
      outgoing: [
        { ...own("a"), state: "waiting", reason: null },
        { ...own("b"), state: "failed", reason: notHere, conflict: false },
      ],
    });
    const [waiting, failed] = ["a", "b"].map((id) => within(screen.getByTestId(`outgoing-${id}`)));
    expect(waiting?.getByTestId("state").props["aria-label"]).toBe("Waiting");
    expect(waiting?.queryByRole("button")).toBeNull();
    expect(failed?.getByTestId("state").props["aria-label"]).toBe("Failed");
    expect(failed?.getByText(/You may not do this here/)).toBeTruthy();
    const [resend, discard] = [jest.spyOn(chat, "resend"), jest.spyOn(chat, "discard")];
    fireEvent.press(screen.getByRole("button", { name: "Try again" }));
    fireEvent.press(screen.getByRole("button", { name: "Discard" }));
    expect([resend.mock.calls, discard.mock.calls]).toEqual([[["b"]], [["b"]]]);

    await change(room, {
      outgoing: [{ ...own("c"), state: "sending", reason: { code: "later", text: "status 403" } }],
    });
    expect(screen.getByText(/^Not accepted yet: .*status 403/)).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
    fireEvent.press(screen.getByRole("button", { name: "Discard" }));
    expect(discard).toHaveBeenLastCalledWith("c");
  });

  test("of the client that are conflicts show their text, and can only be discarded", async () => {
    const room = await open(["Bob", "one"]);
    await change(room, {
      outgoing: [
        { ...own("a"), state: "failed", reason: { code: "conflict", text: "the id is used" }, conflict: true },
      ],
    });
    const conflict = within(screen.getByTestId("outgoing-a"));
    expect(conflict.getByTestId("state").props["aria-label"]).toBe("Not accepted");
    expect(conflict.getByText(/another text of yours.*Copy the text/)).toBeTruthy();
    const discard = jest.spyOn(chat, "discard");
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
    fireEvent.press(screen.getByRole("button", { name: "Discard" }));
    expect(discard).toHaveBeenLastCalledWith("a");
  });

  test("open links of three kinds, and nothing else", async () => {
    const openURL = jest.spyOn(Linking, "openURL").mockRejectedValue(new Error("no app takes it"));
    await open(["Bob", "see https://a.org. javascript:alert(1)"]);
    fireEvent.press(screen.getByRole("link"));
    expect(openURL.mock.calls).toEqual([["https://a.org"]]);
  });

  test("are folded when they are long", async () => {
    await open(["Bob", "line\n".repeat(50)]);
    expect(texts()[0]?.split("\n")).toHaveLength(14);
    fireEvent.press(screen.getByRole("button", { name: "Show all" }));
    expect(texts()[0]?.split("\n")).toHaveLength(50);
    expect(mockHandle.stay).toHaveBeenCalled();
    jest.useFakeTimers();
    fireEvent.press(screen.getByRole("button", { name: "Show less" }));
    expect(texts()[0]?.split("\n")).toHaveLength(14);
    act(() => jest.advanceTimersByTime(100));
    expect(mockHandle.show.mock.calls).toEqual([["1-lobby-0"]]);
  });
});

describe("a room without messages", () => {
  test("shows its name and an invitation when the server has answered", async () => {
    await open();
    expect(screen.getByTestId("messages")).toHaveTextContent(/lobby.*Say the first word/);
  });

  test("shows that it is loading until the server has answered", async () => {
    world.online = false;
    await open(["Bob", "one"]);
    expect(screen.getByTestId("messages")).toHaveTextContent("Loading…");
  });

  test("shows that the server has removed its messages", async () => {
    const room = await open();
    await change(room, { last: 7, oldest: 8 });
    expect(screen.getByTestId("messages")).toHaveTextContent("Older messages are no longer kept.");
  });

  test("shows why the client may not read it", async () => {
    const room = await open(["Bob", "one"]);
    await change(room, { refused: { code: "forbidden", text: "the token does not name it" } });
    expect(screen.getByTestId("messages")).toHaveTextContent(
      /^You may not read this room.*Ask those who run the server.$/,
    );
    expect(texts()).toEqual([]);
  });
});

describe("the reader", () => {
  const three = [
    ["Bob", "one"],
    ["Bob", "two"],
    ["Bob", "three"],
  ] as const;

  test("has read a message that comes while the end is visible", async () => {
    const room = await open(...three);
    await deliver(room, ["Bob", "four"]);
    act(() => shown().onView(0, 4));
    expect(room.timeline.get().read).toBe(4);
    expect(screen.queryByTestId("jump")).toBeNull();
  });

  test("has not read a message that comes below the visible part, or while the app is not in front", async () => {
    const room = await open(...three);
    act(() => shown().onEnd(false));
    await deliver(room, ["Bob", "four"]);
    act(() => shown().onView(0, 3));
    expect(room.timeline.get().read).toBe(3);
    act(() => shown().onView(0, 4));
    expect(room.timeline.get().read).toBe(4);
    mockAttentive = false;
    await deliver(room, ["Bob", "five"]);
    act(() => shown().onView(0, 5));
    expect(room.timeline.get().read).toBe(4);
    expect(shown().follows).toBe(false);
  });

  test("sees the number of new messages, and can jump to them", async () => {
    const room = await open(...three);
    act(() => shown().onEnd(false));
    expect(screen.getByRole("button", { name: "Jump to the latest" })).toBeTruthy();
    await deliver(room, ["Bob", "four"]);
    await deliver(room, ["Bob", "five"]);
    fireEvent.press(screen.getByRole("button", { name: "Jump to the latest, 2 new" }));
    expect(mockHandle.toEnd).toHaveBeenCalledTimes(1);
    act(() => shown().onEnd(true));
    expect(screen.queryByTestId("jump")).toBeNull();
  });

  test("is moved to the end by a message that was written here", async () => {
    const room = await open(...three);
    const written = (order: number): Outgoing => ({ ...own(`${order}`, order), state: "waiting", reason: null });
    await change(room, { outgoing: [written(1)] });
    expect(mockHandle.toEnd).toHaveBeenCalledTimes(1);
    await change(room, { outgoing: [written(1), written(2)] }); // the device's clock stands still, or was set back
    expect(mockHandle.toEnd).toHaveBeenCalledTimes(2);
    await change(room, { outgoing: [written(1)] });
    mockAttentive = false;
    await change(room, { outgoing: [written(3)] });
    expect(mockHandle.toEnd).toHaveBeenCalledTimes(2);
  });

  test("opens the room at the first unread message, if it is loaded", async () => {
    const room = await open(...three);
    expect(shown().openAt).toBeNull();
    screen.unmount();
    await deliver(room, ["Bob", "four"], ["Bob", "five"]);
    await draw(world, <Messages chat={chat} room={room} at={null} onVisit={visited} />);
    expect(shown().openAt).toEqual({ key: "unread", place: "top" });
    expect(shown().rows.map((row) => row.is)).toEqual([
      "day",
      "message",
      "message",
      "message",
      "unread",
      "message",
      "message",
    ]);
    expect(screen.queryByTestId("first-unread")).toBeNull();
  });
});

describe("older messages", () => {
  const later = async () => {
    const room = await open(["Bob", "one"], ["Bob", "two"], ["Bob", "three"]);
    await flushPromises(() =>
      room.timeline.update((timeline) => ({
        ...timeline,
        messages: timeline.messages.slice(2),
        older: "some",
        mark: 0,
      })),
    );
    return room;
  };

  test("are fetched when the reader comes near the beginning, if any exist and none are loading", async () => {
    const room = await later();
    const older = jest.spyOn(room, "older").mockResolvedValue();
    act(() => shown().onBeginning());
    await change(room, { older: "loading" });
    act(() => shown().onBeginning());
    await change(room, { older: "none" });
    act(() => shown().onBeginning());
    expect(older.mock.calls).toEqual([[]]);
  });

  test("are left out on the way to the first unread one, around which the log is shown", async () => {
    const room = await later();
    const jump = jest.spyOn(room, "jump").mockResolvedValue();
    jest.useFakeTimers();
    fireEvent.press(screen.getByTestId("first-unread"));
    await flushPromises();
    act(() => jest.advanceTimersByTime(50));
    expect(jump.mock.calls).toEqual([[1]]);
    expect(mockHandle.toKey.mock.calls).toEqual([["unread", "top"]]);
    expect(screen.queryByTestId("first-unread")).toBeNull();
  });

  test("are not fetched to show a first unread one that is already loaded", async () => {
    const room = await open(["Bob", "one"], ["Bob", "two"], ["Bob", "three"]);
    await change(room, { mark: 1 });
    act(() => shown().onView(3, 4));
    const older = jest.spyOn(room, "older");
    jest.useFakeTimers();
    fireEvent.press(screen.getByRole("button", { name: "2 new" }));
    await flushPromises();
    act(() => jest.advanceTimersByTime(50));
    expect(older).not.toHaveBeenCalled();
    expect(mockHandle.toKey).toHaveBeenCalledTimes(1);
  });

  test("are no longer offered when the line above the first unread one was in view", async () => {
    const room = await open(["Bob", "one"], ["Bob", "two"], ["Bob", "three"]);
    await change(room, { mark: 1 });
    act(() => shown().onView(0, 1));
    expect(screen.getByTestId("first-unread")).toBeTruthy();
    act(() => shown().onView(0, 3));
    expect(screen.queryByTestId("first-unread")).toBeNull();
    act(() => shown().onView(3, 4));
    expect(screen.queryByTestId("first-unread")).toBeNull();
  });

  test("can be fetched again after a failure", async () => {
    const room = await later();
    const older = jest.spyOn(room, "older").mockResolvedValue();
    await change(room, { older: "failed" });
    fireEvent.press(screen.getByRole("button", { name: /^Earlier messages cannot be fetched now/ }));
    expect(older).toHaveBeenCalledTimes(1);
    await change(room, { older: "some" });
    expect(screen.queryByRole("button", { name: /^Earlier messages/ })).toBeNull();
  });

  test("are shown as loading when it takes long", async () => {
    const room = await later();
    jest.useFakeTimers();
    await change(room, { older: "loading" });
    expect(screen.queryByText("Loading…")).toBeNull();
    act(() => jest.advanceTimersByTime(500));
    expect(screen.getByText("Loading…")).toBeTruthy();
    await change(room, { older: "some" });
    expect(screen.queryByText("Loading…")).toBeNull();
  });
});

test("a line says that messages before the oldest one were removed", async () => {
  const room = await open(["Bob", "one"], ["Bob", "two"]);
  expect(screen.queryByTestId("removed")).toBeNull();
  await change(room, { messages: room.timeline.get().messages.slice(1), older: "none" });
  expect(shown().rows.map((row) => row.is)).toEqual(["removed", "day", "message"]);
  expect(screen.getByTestId("removed")).toHaveTextContent("Older messages are no longer kept.");
});

test("messages of others are announced", async () => {
  const room = await open(["Bob", "one"]);
  const announced = () => screen.getByTestId("announcer", { includeHiddenElements: true });
  const waitForAnnouncement = () => act(() => jest.advanceTimersByTimeAsync(1_000));
  expect(announced()).toHaveProp("aria-live", "polite");
  expect(announced()).toHaveTextContent("");
  await deliver(room, ["Bob", "hello\u202e"]);
  await waitForAnnouncement();
  expect(announced()).toHaveTextContent("Bob: hello");
  await deliver(room, ["Bob", "a"], ["Ann", "b"], ["Cleo", "c"]);
  await waitForAnnouncement();
  expect(announced()).toHaveTextContent("2 new messages");
});

describe("a link to a message", () => {
  const at = async (seq: number) => {
    for (let n = 1; n <= 5; n++) world.message("lobby", "Bob", `line ${n}`);
    chat = await world.chat();
    const room = chat.room("lobby");
    if (room === undefined) throw new Error("the lobby was not joined");
    const draws = (number: number | null) => <Messages chat={chat} room={room} at={number} onVisit={visited} />;
    await draw(world, draws(seq));
    return room;
  };

  test("opens the room there, highlights it for a moment, and marks nothing below as read", async () => {
    jest.useFakeTimers({ doNotFake: ["queueMicrotask"] });
    await at(2);
    expect(shown().openAt).toMatchObject({ place: "middle" });
    expect(within(screen.getByTestId("message-2")).getByTestId("flashed")).toBeTruthy();
    act(() => jest.advanceTimersByTime(2_000));
    expect(screen.queryByTestId("flashed")).toBeNull();
  });

  test("shows a part of the log, which leads on in both directions and back to the newest", async () => {
    const room = await at(2);
    const messages = room.timeline.get().messages.slice(0, 2);
    await change(room, {
      messages: room.timeline.get().messages.slice(4),
      window: { target: 2, messages, state: "ready", older: "some", newer: "some" },
    });
    expect(texts()).toEqual(["line 1", "line 2"]);
    expect(shown().follows).toBe(false);
    const [older, newer] = [
      jest.spyOn(room, "older").mockResolvedValue(),
      jest.spyOn(room, "newer").mockResolvedValue(),
    ];
    act(() => shown().onBeginning());
    act(() => shown().onNearEnd());
    expect([older.mock.calls.length, newer.mock.calls.length]).toEqual([1, 1]);
    const toNewest = jest.spyOn(room, "toNewest");
    fireEvent.press(screen.getByTestId("jump"));
    expect(toNewest).toHaveBeenCalledTimes(1);
    expect(visited).toHaveBeenLastCalledWith("lobby", null);
  });

  test("says so if the server does not have the message", async () => {
    await at(9);
    expect(screen.getByText(/not kept any more, or does not exist/)).toBeTruthy();
    expect(texts()).toHaveLength(5);
  });
});

test("a long press opens the menu of a message, which copies its text and its link", async () => {
  await open(["Bob", "one **two**"]);
  fireEvent(screen.getByTestId("message-1"), "longPress");
  fireEvent.press(screen.getByRole("menuitem", { name: "Copy text" }));
  await flushPromises();
  fireEvent(screen.getByTestId("message-1"), "longPress");
  fireEvent.press(screen.getByRole("menuitem", { name: "Copy link" }));
  await flushPromises();
  expect(mockCopied.mock.calls).toEqual([["one **two**"], [`${chat.server}/#/lobby/1`]]);
  expect(screen.getByText("Copied")).toBeTruthy();
});
