import { Chat } from "./chat";
import type { Platform } from "./device";
import { FakeDevice, FakeServer, FakeTabs, FakeConnectivity, flushPromises } from "./fakes";
import { dial } from "./hub";
import type { Identity } from "./identity";

/** A device with any number of tabs of the client ann, and a server. The test mocks ./hub. */
export function setUp() {
  const device = new FakeDevice();
  const server = new FakeServer();
  const tabs = new FakeTabs();
  const connectivity = new FakeConnectivity();
  jest.spyOn(globalThis, "fetch").mockImplementation((url, init) => server.fetch(String(url), init));
  jest.mocked(dial).mockImplementation(async (o) => {
    if (server.tokens !== null && !server.tokens.has(o.token() ?? "")) throw new Error("WebSocket failed");
    return server.dial(o);
  });
  let ids = 0;
  const platform: Platform = {
    keyValues: { read: async () => null, write: async () => {} },
    connectivity,
    server: "http://s",
    negotiates: true,
    device: async () => device,
    tabs: () => tabs.tab(),
    newID: () => `own-${++ids}`,
    takeToken: () => null,
    persist: async () => false,
    unsent: async () => 0,
    erase: async () => {},
  };
  const open = async (identity: Identity = { client: "ann" }) => {
    const chat = await Chat.open(platform, "http://s", identity);
    await pass();
    return chat;
  };
  return { platform, device, server, tabs, connectivity, open };
}

/** Advances the clock in steps of a render interval. */
export async function pass(ms = 50): Promise<void> {
  await flushPromises();
  for (let left = ms; left > 0; left -= 50) {
    jest.advanceTimersByTime(Math.min(50, left));
    await flushPromises();
  }
}
