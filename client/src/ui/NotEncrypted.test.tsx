import { fireEvent, screen } from "@testing-library/react-native";

import { Chat } from "../core/chat";
import { Session } from "../core/session";
import { LinkBar } from "./LinkBar";
import { useReadable } from "./readable";
import { Settings } from "./Settings";
import { SignIn } from "./SignIn";
import { draw, flushPromises, World } from "./testing";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));

const warning = "Not encrypted: everybody in this network can read along.";

function Entrance({ session }: { readonly session: Session }) {
  const stage = useReadable(session.stage);
  return stage.is === "chat" || stage.is === "failed" ? null : <SignIn stage={stage} />;
}

describe("a server without encryption", () => {
  test.each([
    ["http://192.168.1.5:8080", 1],
    ["http://nas.local", 1],
    ["https://chat.test", 0],
    ["http://localhost:8080", 0],
  ])("%s is named so wherever its connection is shown", async (server, times) => {
    const world = new World();
    const chat = await Chat.open(world.platform(null), server, { client: "Ann" });
    const bar = await draw(world, <LinkBar chat={chat} />);
    expect(screen.queryAllByText(warning)).toHaveLength(times);
    bar.unmount();
    await draw(world, <Settings chat={chat} onClose={() => undefined} />);
    expect(screen.queryAllByText(warning)).toHaveLength(times);
    await flushPromises(() => chat.close());
  });

  test.each([
    ["192.168.1.5:8080", 1],
    ["chat.test", 0],
  ])("%s is named so before anything is entered there", async (server, times) => {
    const world = new World();
    const session = new Session(world.platform(null));
    void session.start();
    await draw(world, <Entrance session={session} />, { session });
    expect(screen.queryByText(warning)).toBeNull();
    fireEvent.changeText(screen.getByLabelText("Server"), server);
    fireEvent.press(screen.getByRole("button", { name: "Continue" }));
    await flushPromises();
    expect(screen.getByLabelText("Your name")).toBeOnTheScreen();
    expect(screen.queryAllByText(warning)).toHaveLength(times);
  });

  test("anywhere else is refused in plain words", async () => {
    const world = new World();
    const session = new Session(world.platform(null));
    void session.start();
    await draw(world, <Entrance session={session} />, { session });
    fireEvent.changeText(screen.getByLabelText("Server"), "http://chat.test");
    fireEvent.press(screen.getByRole("button", { name: "Continue" }));
    await flushPromises();
    expect(screen.getByRole("alert")).toHaveTextContent(/^Without https only servers in your own network/);
  });
});
