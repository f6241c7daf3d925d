import { fireEvent, screen } from "@testing-library/react-native";

import { Session } from "../core/session";
import { Offer } from "./Offer";
import { draw, flushPromises, token, World } from "./testing";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));

const tokenOf = (sub: string) => token({ sub, exp: 4e9, rooms: ["*"] });

let session: Session;
async function open(world: World): Promise<Session> {
  world.kept.set("identity", JSON.stringify({ client: "Ann", token: tokenOf("Ann") }));
  session = new Session(world.platform());
  await session.start();
  await draw(world, <Offer session={session} />, { session });
  await flushPromises();
  return session;
}
afterEach(() => flushPromises(() => session.close()));

const press = async (name: string) => {
  fireEvent.press(screen.getByRole("button", { name }));
  await flushPromises();
};
const client = () => {
  const stage = session.stage.get();
  return stage.is === "chat" ? stage.chat.client : stage.is;
};

test("somebody else's token asks, and a no changes nothing", async () => {
  await open(new World());
  await flushPromises(() => session.follow(tokenOf("Bob")));
  expect(screen.getByText("You are Ann. This token is for Bob.")).toBeOnTheScreen();
  await press("Stay Ann");
  expect(screen.queryByText(/This token is for/)).toBeNull();
  expect(client()).toBe("Ann");
});

test("after a yes the app goes on as the other", async () => {
  await open(new World());
  await flushPromises(() => session.follow(tokenOf("Bob")));
  await press("Go on as Bob");
  expect(client()).toBe("Bob");
});

test.each([
  [true, "1 message of Ann has not been sent. It stays on this device, and is sent when Ann is here again."],
  [false, "1 message of Ann has not been sent. It would be lost, because this device keeps nothing."],
])("the question says what becomes of unsent messages; the device keeps them: %p", async (keeps, text) => {
  const world = new World();
  world.keeps = keeps;
  await open(world);
  const stage = session.stage.get();
  if (stage.is !== "chat") throw new Error("no chat");
  await world.become({ status: 0 });
  await flushPromises(() => stage.chat.join("lobby").send("hi"));
  world.status = 200;
  await flushPromises(() => session.follow(tokenOf("Bob")));
  expect(screen.getByRole("alert")).toHaveTextContent(text);
});

test("a token of no use, or one that cannot be checked, is told", async () => {
  const world = new World();
  await open(world);
  await flushPromises(() => session.follow("nonsense"));
  expect(screen.getByRole("alert")).toHaveTextContent("This is not a token of a Restante server.");
  await press("Stay Ann");
  expect(screen.queryByRole("alert")).toBeNull();
  await world.become({ status: 0 });
  await flushPromises(() => session.follow(tokenOf("Bob")));
  expect(screen.getByRole("alert")).toHaveTextContent(/^The token is for Bob\. The server does not answer now\./);
  expect(screen.getByText("You are still Ann.")).toBeOnTheScreen();
});
