import { fireEvent, screen } from "@testing-library/react-native";

import { Session } from "../core/session";
import { Store } from "../core/store";
import { Boundary, MessageBoundary } from "./Boundary";
import { Failed } from "./Failed";
import { useReadable } from "./readable";
import { draw, flushPromises, World } from "./testing";
import { Text } from "./Text";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));
const mockCopied = jest.fn();
jest.mock("./clipboard", () => ({ copyText: (text: string) => mockCopied(text) }));

beforeEach(() => {
  jest.spyOn(console, "error").mockImplementation(() => undefined); // React prints what a boundary catches
  mockCopied.mockReset().mockResolvedValue(true);
});
afterEach(() => jest.restoreAllMocks());

let broken: boolean;
beforeEach(() => (broken = true));

function Part({ text }: { readonly text: string }) {
  if (broken && text.includes("bad")) throw new TypeError(text);
  return <Text>{text}</Text>;
}

describe("a message that cannot be drawn", () => {
  const rows = (texts: string[]) =>
    texts.map((text, i) => (
      <MessageBoundary key={i} of={text}>
        <Part text={text} />
      </MessageBoundary>
    ));

  test("is replaced by a line, and the others stay", async () => {
    const world = new World();
    const session = new Session(world.platform());
    await draw(world, <>{rows(["one", "bad and secret", "two", "bad, too"])}</>, { session });
    expect(screen.getAllByText("This message cannot be shown")).toHaveLength(2);
    for (const text of ["one", "two"]) expect(screen.getByText(text)).toBeOnTheScreen();
    expect(session.events.text()).toMatch(/ message TypeError /);
    expect(session.events.text()).not.toMatch(/secret/);
  });

  test("is drawn when it has changed", async () => {
    const text = new Store("bad");
    const Changing = () => rows([useReadable(text)]);
    await draw(new World(), <Changing />);
    await flushPromises(() => text.set("good"));
    expect(screen.getByText("good")).toBeOnTheScreen();
    await flushPromises(() => text.set("bad again"));
    expect(screen.getByText("This message cannot be shown")).toBeOnTheScreen();
  });
});

describe("a screen that cannot be drawn", () => {
  const without = jest.fn();
  const page = (
    <Boundary
      code="app"
      instead={(again, failures) => (
        <Failed title="The app cannot be shown" onAgain={again} onWithout={failures > 1 ? without : null} />
      )}
    >
      <Part text="bad" />
    </Boundary>
  );
  const press = async (name: string) => {
    fireEvent.press(screen.getByRole("button", { name }));
    await flushPromises();
  };

  test("has a way to try again", async () => {
    await draw(new World(), page);
    expect(screen.getByRole("alert")).toHaveTextContent(/Something in it has failed/);
    broken = false;
    await press("Try again");
    expect(screen.getByText("bad")).toBeOnTheScreen();
  });

  test("after a second failure has a way without what is kept", async () => {
    await draw(new World(), page);
    expect(screen.queryByRole("button", { name: /^Open without/ })).toBeNull();
    await press("Try again");
    await press("Open without what is kept on this device");
    expect(without).toHaveBeenCalledTimes(1);
  });

  test.each([
    [true, "Copied"],
    [false, "This device does not allow copying"],
  ])("copies the events, and says whether it could: %p", async (could, label) => {
    mockCopied.mockResolvedValue(could);
    await draw(new World(), page);
    await press("Copy events");
    expect(mockCopied.mock.calls[0]?.[0]).toMatch(/^\S+Z app TypeError /);
    expect(screen.getByRole("button", { name: label })).toBeOnTheScreen();
  });
});
