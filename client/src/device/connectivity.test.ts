import { connectivity } from "./connectivity";

/** What the system tells: the state of the app, and that of the network. */
interface Told {
  app: (state: string) => void;
  network: (state: { isConnected?: boolean }) => void;
}

jest.mock("react-native", () => {
  const told = {};
  const AppState = { addEventListener: (_: "change", app: Told["app"]) => Object.assign(told, { app }) };
  return { AppState, told };
});
jest.mock("expo-network", () => ({
  addNetworkStateListener: (network: Told["network"]) =>
    Object.assign(jest.requireMock<{ told: Partial<Told> }>("react-native").told, { network }),
}));
const { told } = jest.requireMock<{ told: Told }>("react-native");

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test("A phone fires a wake event when the app comes to the front, until it is unsubscribed", () => {
  const woken = jest.fn();
  const unsubscribe = connectivity.subscribe(woken);
  for (const state of ["inactive", "background", "active"]) told.app(state);
  expect(woken).toHaveBeenCalledTimes(1);
  unsubscribe();
  told.app("active");
  expect(woken).toHaveBeenCalledTimes(1);
});

test("A phone fires a wake event when its network changes, and knows when it has none", () => {
  const woken = jest.fn();
  const unsubscribe = connectivity.subscribe(woken);
  const online = [{ isConnected: false }, { isConnected: true }, {}].map((state) => {
    told.network(state);
    return connectivity.online();
  });
  expect([online, woken.mock.calls.length]).toEqual([[false, true, true], 3]);
  unsubscribe();
});

test("An app sleeps after some seconds in the background, and wakes at the front", () => {
  const seen: (boolean | undefined)[] = [];
  const note = () => seen.push(connectivity.awake?.get());
  const unsubscribe = [connectivity.awake?.subscribe(note), connectivity.subscribe(note)];
  told.app("inactive");
  jest.advanceTimersByTime(60_000);
  told.app("background");
  jest.advanceTimersByTime(2_999);
  told.app("active"); // it was only a glance at another app
  jest.advanceTimersByTime(60_000);
  expect(seen).toEqual([true]);
  told.app("background");
  jest.advanceTimersByTime(3_000);
  expect(seen).toEqual([true, false]);
  told.app("active");
  expect(seen).toEqual([true, false, true, true]); // awake, then the wake event
  unsubscribe.forEach((off) => off?.());
});
