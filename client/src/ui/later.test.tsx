import { fireEvent, screen } from "@testing-library/react-native";
import type { ComponentType } from "react";

import { laterDialog } from "./later";
import { draw, flushPromises, World } from "./testing";
import { Text } from "./Text";

jest.mock("../core/hub", () => ({ dial: jest.fn() }));

interface Props {
  readonly onClose: () => void;
  readonly name: string;
}

function Real({ name }: Props) {
  return <Text>{`for ${name}`}</Text>;
}

describe("a dialog whose code is loaded when it is shown", () => {
  const world = new World();
  const closed = jest.fn();

  test("is loaded once", async () => {
    const load = jest.fn((): Promise<ComponentType<Props>> => Promise.resolve(Real));
    const Later = laterDialog(load);
    const { unmount } = await draw(world, <Later name="Ann" onClose={closed} />);
    expect(screen.getByText("for Ann")).toBeOnTheScreen();
    unmount();
    await draw(world, <Later name="Bob" onClose={closed} />);
    expect(screen.getByText("for Bob")).toBeOnTheScreen();
    expect(load).toHaveBeenCalledTimes(1);
  });

  test("says that it cannot be loaded, and tries again", async () => {
    const load = jest
      .fn((): Promise<ComponentType<Props>> => Promise.resolve(Real))
      .mockRejectedValueOnce(new Error("no network"));
    const Later = laterDialog(load);
    await draw(world, <Later name="Ann" onClose={closed} />);
    expect(screen.getByRole("alert")).toHaveTextContent(/could not be fetched/);
    fireEvent.press(screen.getByRole("button", { name: "Close" }));
    expect(closed).toHaveBeenCalledTimes(1);
    fireEvent.press(screen.getByRole("button", { name: "Try again" }));
    await flushPromises();
    expect(screen.getByText("for Ann")).toBeOnTheScreen();
  });
});
