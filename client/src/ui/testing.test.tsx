import { waitFor } from "@testing-library/react-native";

import { flushPromises, World } from "./testing";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.close());

test("what is sent is accepted, and comes back", async () => {
  const chat = await world.chat();
  const room = chat.join("garden");
  await flushPromises();
  await room.send("hello");
  await flushPromises();
  expect(world.posted).toEqual([{ room: "garden", msg: "hello" }]);
  expect(room.timeline.get().outgoing).toMatchObject([{ state: "accepted", msg: "hello" }]);
  await waitFor(() => expect(room.timeline.get().messages).toMatchObject([{ seq: 1, msg: "hello" }]));
  expect(world.log.get("garden")).toMatchObject([{ seq: 1, client_id: "Ann", msg: "hello" }]);
  expect(room.timeline.get().outgoing).toEqual([]);
});

test("what others send arrives while the room is open", async () => {
  const chat = await world.chat();
  const room = chat.join("garden");
  await flushPromises();
  await flushPromises(() => world.message("garden", "Bob", "good morning"));
  await waitFor(() => expect(room.timeline.get()).toMatchObject({ last: 1, messages: [{ client_id: "Bob" }] }));
  await waitFor(() => expect(chat.rooms.get()).toContainEqual(expect.objectContaining({ name: "garden", unread: 1 })));
});

test("what is sent while the server refuses waits, and names the code", async () => {
  const chat = await world.chat();
  const room = chat.join("garden");
  await flushPromises();
  world.server.refuses = () => ({ field: "msg", message: "is not liked" });
  await room.send("hello");
  await flushPromises();
  await waitFor(() =>
    expect(room.timeline.get().outgoing).toMatchObject([{ state: "failed", reason: { code: "invalid" } }]),
  );
  expect(world.posted).toEqual([]);
});
