import { fireEvent, screen } from "@testing-library/react-native";
import { AccessibilityInfo, Platform } from "react-native";

import type { Room } from "../core/room";
import type { Language } from "./i18n";
import { RoomScreen } from "./RoomScreen";
import { draw, flushPromises, World } from "./testing";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));
jest.mock("./messages/Messages", () => ({ Messages: () => null }));

let world: World;
beforeEach(() => (world = new World()));
afterEach(async () => {
  jest.restoreAllMocks();
  await world.close();
});

/** Draws the screen of the lobby. */
async function open(language: Language = "en"): Promise<Room> {
  const chat = await world.chat();
  const room = chat.room("lobby");
  if (room === undefined) throw new Error("the lobby was not joined");
  await draw(
    world,
    <RoomScreen chat={chat} room={room} wide onBack={() => undefined} at={null} onVisit={() => undefined} />,
    {
      language,
    },
  );
  return room;
}

const show = (room: Room, wentBack: string | null) =>
  flushPromises(() => room.timeline.update((timeline) => ({ ...timeline, wentBack })));
const notice = () => screen.getByTestId("went-back");
const noon = new Date(2026, 4, 4, 12, 30).toISOString();

test("nothing is shown while the server has not gone back", async () => {
  await open();
  expect(notice()).toHaveTextContent("");
  expect(screen.queryByRole("button", { name: "Close" })).toBeNull();
});

test.each([
  ["en", /^The server has gone back to an earlier state\. Messages after May 4, 2026.* 12:30\sPM may be missing/],
  [
    "de",
    /^Der Server ist auf einen früheren Stand zurückgegangen\. Nachrichten nach 4\. Mai 2026.* 12:30 können fehlen/,
  ],
  ["ar", /^عاد الخادم إلى حالة سابقة\. قد تكون الرسائل بعد .*2026.* مفقودة/],
] as const)("the notice is in %s, in a region that screen readers announce", async (language, text) => {
  const room = await open(language);
  expect(notice()).toHaveProp("aria-live", "polite");
  await show(room, noon);
  expect(notice()).toHaveTextContent(text);
});

test("a time that is not known is not shown", async () => {
  await show(await open(), "");
  expect(notice()).toHaveTextContent(/^The server has gone back to an earlier state\. Some messages may be missing/);
});

test("the notice is there until it is dismissed", async () => {
  const room = await open();
  await show(room, noon);
  await flushPromises(() => fireEvent.press(screen.getByRole("button", { name: "Close" })));
  expect([room.timeline.get().wentBack, screen.queryByRole("button", { name: "Close" })]).toEqual([null, null]);
});

test("iOS announces it once, because it has no live regions", async () => {
  const said = jest.spyOn(AccessibilityInfo, "announceForAccessibility").mockImplementation(() => undefined);
  const room = await open();
  said.mockClear(); // it is a mock from the start
  const os = jest.replaceProperty(Platform, "OS", "ios");
  await show(room, "");
  await flushPromises(() => room.timeline.update((timeline) => ({ ...timeline, last: 7 })));
  expect(said.mock.calls).toEqual([
    ["The server has gone back to an earlier state. Some messages may be missing, also ones that you have sent."],
  ]);
  os.restore();
  said.mockClear();
  jest.replaceProperty(Platform, "OS", "android");
  await show(room, noon);
  expect(said).not.toHaveBeenCalled();
});
