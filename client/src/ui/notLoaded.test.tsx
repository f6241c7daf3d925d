import { fireEvent, render, screen } from "@testing-library/react-native";

import { Session } from "../core/session";
import { App } from "./App";
import { flushPromises, World } from "./testing";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));
jest.mock(
  "react-native-safe-area-context",
  () => jest.requireActual("react-native-safe-area-context/jest/mock").default,
);
let mockAway = true;
jest.mock("./Home", () => {
  if (mockAway) throw new Error("no network");
  return { Home: () => null };
});

const starts = jest.spyOn(Session.prototype, "start");

test("The app says that the chat's code cannot be fetched, and tries again", async () => {
  const world = new World();
  world.kept.set("identity", JSON.stringify({ client: "Ann" }));
  render(<App platform={world.platform()} />);
  await flushPromises();
  expect(screen.getByRole("alert")).toHaveTextContent(/could not be fetched/);
  mockAway = false;
  fireEvent.press(screen.getByRole("button", { name: "Try again" }));
  await flushPromises();
  expect(screen.queryByTestId("failed")).toBeNull();
  const stage = starts.mock.contexts[0]?.stage.get();
  if (stage?.is !== "chat") throw new Error("the chat is not open");
  await flushPromises(() => stage.chat.close());
});
