import { fireEvent, screen } from "@testing-library/react-native";

import { Session } from "../core/session";
import { useReadable } from "./readable";
import { SignIn } from "./SignIn";
import { draw, flushPromises, token, World } from "./testing";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));

function Entrance({ session }: { readonly session: Session }) {
  const stage = useReadable(session.stage);
  return stage.is === "chat" || stage.is === "failed" ? null : <SignIn stage={stage} />;
}

async function enter(world: World, server?: string | null): Promise<Session> {
  const session = new Session(world.platform(server));
  void session.start();
  await draw(world, <Entrance session={session} />, { session });
  return session;
}

async function answer(label: string, text: string): Promise<void> {
  fireEvent.changeText(screen.getByLabelText(label), text);
  fireEvent.press(screen.getByRole("button", { name: "Continue" }));
  await flushPromises();
}

async function close(session: Session): Promise<void> {
  const stage = session.stage.get();
  if (stage.is === "chat") await stage.chat.close();
}

describe("signing in", () => {
  test("asks for a name if that is enough, and shows why one is not valid", async () => {
    const session = await enter(new World());
    await answer("Your name", "");
    expect(screen.getByRole("alert")).toHaveTextContent(/This cannot be a name/);
    await answer("Your name", "Ann");
    expect(session.stage.get()).toMatchObject({ is: "chat", chat: { client: "Ann" } });
    await flushPromises(() => close(session));
  });

  test("treats Enter as Continue", async () => {
    const session = await enter(new World());
    fireEvent.changeText(screen.getByLabelText("Your name"), "Ann");
    fireEvent(screen.getByLabelText("Your name"), "submitEditing");
    await flushPromises();
    expect(session.stage.get().is).toBe("chat");
    await flushPromises(() => close(session));
  });

  test("asks for a token if the server needs one, and hides it unless the user shows it", async () => {
    const world = new World();
    world.status = 401;
    const session = await enter(world);
    const field = screen.getByLabelText("Token");
    expect(field).toHaveProp("secureTextEntry", true);
    expect(field).toHaveProp("autoComplete", "off");
    fireEvent.press(screen.getByRole("button", { name: "Show the token" }));
    expect(screen.getByLabelText("Token")).toHaveProp("secureTextEntry", false);
    await answer("Token", "nonsense");
    expect(screen.getByRole("alert")).toHaveTextContent("This is not a token of a Restante server.");
    await answer("Token", token({ sub: "Ann", exp: 1 }));
    expect(screen.getByRole("alert")).toHaveTextContent("This token has expired.");
    world.status = 200;
    await answer("Token", token({ sub: "Ann", exp: Date.now() / 1000 + 60 }));
    expect(session.stage.get()).toMatchObject({ is: "chat", chat: { client: "Ann" } });
    await flushPromises(() => close(session));
  });

  test("shows that the server does not answer, and tries again", async () => {
    const world = new World();
    world.status = 0;
    await enter(world);
    expect(screen.getByRole("alert")).toHaveTextContent(/here\.test cannot be reached/);
    world.status = 200;
    fireEvent.press(screen.getByRole("button", { name: "Try again" }));
    await flushPromises();
    expect(screen.getByLabelText("Your name")).toBeOnTheScreen();
  });

  test("asks a phone for the server first", async () => {
    const world = new World();
    await enter(world, null);
    await answer("Server", "http://");
    expect(screen.getByRole("alert")).toHaveTextContent("This is not the address of a server.");
    world.status = 0;
    await answer("Server", "chat.test");
    expect(screen.getByRole("alert")).toHaveTextContent("Nobody answers at this address.");
    world.status = 200;
    await answer("Server", "chat.test");
    expect(screen.getByLabelText("Your name")).toHaveProp("value", "");
    expect(world.kept.get("server")).toBe("https://chat.test");
  });
});
