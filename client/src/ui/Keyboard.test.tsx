import { act, fireEvent, render, screen } from "@testing-library/react-native";
import { DeviceEventEmitter, Platform, Text } from "react-native";
import { SafeAreaProvider } from "react-native-safe-area-context";

import { AboveKeyboard } from "./Keyboard";

const height = 800;
const insets = { top: 50, bottom: 30, left: 0, right: 0 };
const frame = { x: 0, y: 0, width: 400, height };
const before = Platform.OS;
afterEach(() => void (Platform.OS = before));

/** Draws the app in the safe area of a screen. */
function open() {
  render(
    <SafeAreaProvider initialMetrics={{ frame, insets }}>
      <AboveKeyboard>
        <Text>the app</Text>
      </AboveKeyboard>
    </SafeAreaProvider>,
  );
  const layout = { x: 0, y: 0, width: frame.width, height: height - insets.top - insets.bottom };
  fireEvent(screen.getByTestId("above-keyboard"), "layout", { nativeEvent: { layout }, persist: () => undefined });
}

async function keyboard(event: string, screenY: number) {
  const endCoordinates = { screenX: 0, screenY, width: frame.width, height: height - screenY };
  await act(async () => void DeviceEventEmitter.emit(event, { duration: 0, easing: "keyboard", endCoordinates }));
}

const spaceBelow = () => screen.getByTestId("above-keyboard").props.style;

describe.each([
  ["ios", "keyboardWillShow", "keyboardWillHide"],
  ["android", "keyboardDidShow", "keyboardDidHide"],
] as const)("the keyboard of %s", (system, show, hide) => {
  beforeEach(() => void (Platform.OS = system));

  test("leaves the app the space above it, exactly", async () => {
    open();
    expect(spaceBelow()).toMatchObject([{ flex: 1 }, { paddingBottom: 0 }]);
    await keyboard(show, 500);
    // The safe area ends 30 above the end of the screen, so the keyboard covers 270 of it.
    expect(spaceBelow()).toMatchObject([{ flex: 1 }, { paddingBottom: 270 }]);
    await keyboard(show, 450); // it has grown by a row of suggestions
    expect(spaceBelow()).toMatchObject([{ flex: 1 }, { paddingBottom: 320 }]);
    await keyboard(hide, height);
    expect(spaceBelow()).toMatchObject([{ flex: 1 }, { paddingBottom: 0 }]);
  });

  test("takes nothing if it covers nothing, such as the bar of a hardware keyboard", async () => {
    open();
    await keyboard(show, 780);
    expect(spaceBelow()).toMatchObject([{ flex: 1 }, { paddingBottom: 0 }]);
  });
});
