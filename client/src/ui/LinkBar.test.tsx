import { fireEvent, screen } from "@testing-library/react-native";

import type { Chat } from "../core/chat";
import { Session } from "../core/session";
import { LinkBar } from "./LinkBar";
import { draw, flushPromises, token, World } from "./testing";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));

describe("the link bar", () => {
  let world: World;
  let chat: Chat;
  const bar = () => screen.getByTestId("link");

  beforeEach(async () => {
    world = new World();
    chat = await world.chat();
  });
  afterEach(() => world.close());

  test("shows the connection, to screen readers too", async () => {
    await draw(world, <LinkBar chat={chat} />);
    expect(bar()).toHaveProp("role", "status");
    expect(bar()).toHaveTextContent(/^Connected$/);
    expect(screen.queryByRole("button")).toBeNull();
  });

  test("distinguishes a missing network from a server that does not answer", async () => {
    await draw(world, <LinkBar chat={chat} />);
    await world.become({ online: false });
    expect(bar()).toHaveTextContent(/^Offline/);
    await world.become({ online: true, status: 0 });
    fireEvent.press(screen.getByRole("button", { name: "Try now" }));
    await flushPromises();
    expect(bar()).toHaveTextContent(/^No connection to the server/);
  });

  test("shows that the device cannot store anything", async () => {
    world.keeps = false;
    await draw(world, <LinkBar chat={await world.chat()} />);
    expect(bar()).toHaveTextContent("Connected (this device saves nothing)");
  });

  test("shows when the device stops answering, and when it answers again", async () => {
    jest.useFakeTimers();
    await draw(world, <LinkBar chat={chat} />);
    const put = world.device.put;
    world.device.put = () => new Promise(() => undefined);
    await flushPromises(
      () =>
        void chat
          .room("lobby")
          ?.send("one")
          .catch(() => undefined),
    );
    expect(bar()).toHaveTextContent(/^Connected/);
    await flushPromises(() => jest.advanceTimersByTime(5_000));
    expect(bar()).toHaveTextContent(/\(this device saves nothing\)$/);
    world.device.put = put;
    await flushPromises(() => jest.advanceTimersByTime(20_000));
    expect(bar()).toHaveTextContent(/^Connected$/);
    jest.useRealTimers();
  });

  test("counts the waiting messages", async () => {
    await draw(world, <LinkBar chat={chat} />);
    await world.become({ status: 0 });
    await flushPromises(() => chat.room("lobby")?.send("one"));
    expect(bar()).toHaveTextContent(/^No connection to the server, 1 message waiting/);
    await flushPromises(() => chat.room("lobby")?.send("two"));
    expect(bar()).toHaveTextContent(/, 2 messages waiting/);
  });

  test("tries at once when the user asks for it", async () => {
    await draw(world, <LinkBar chat={chat} />);
    await world.become({ status: 0 });
    world.status = 200;
    fireEvent.press(screen.getByRole("button", { name: "Try now" }));
    await flushPromises();
    expect(bar()).toHaveTextContent(/^Connected$/);
  });

  test("asks for another token when the server no longer accepts the old one", async () => {
    const session = new Session(world.platform());
    const answers: ("not a token" | null)[] = ["not a token", null];
    jest.spyOn(session, "enterToken").mockImplementation((text) => {
      const answer = answers.shift() ?? null;
      if (answer === null) chat.renew(text);
      return Promise.resolve(answer);
    });
    await draw(world, <LinkBar chat={chat} />, { session });
    await world.become({ status: 401 });
    expect(bar()).toHaveTextContent(/^The token is not valid any more/);
    fireEvent.press(screen.getByRole("button", { name: "Enter a new token" }));
    fireEvent.changeText(screen.getByLabelText("Token"), "nonsense");
    fireEvent.press(screen.getByRole("button", { name: "Continue" }));
    await flushPromises();
    expect(screen.getByRole("alert")).toHaveTextContent(/not a token/);
    world.status = 200;
    fireEvent.changeText(screen.getByLabelText("Token"), token({ sub: "Ann", exp: Date.now() / 1000 + 60 }));
    fireEvent.press(screen.getByRole("button", { name: "Continue" }));
    await flushPromises();
    expect(screen.queryByLabelText("Token")).toBeNull();
    expect(bar()).toHaveTextContent(/^Connected$/);
  });
});
