import { Api } from "./api";
import { FakeDevice, FakeServer, FakeTabs, FakeWake, flushPromises } from "./fakes";
import type { Hub } from "./hub";
import { Outbox } from "./outbox";
import { Room } from "./room";

/** A device, a server, and rooms of the client ann, each in a separate tab. */
export function setUp() {
  const device = new FakeDevice();
  const server = new FakeServer();
  const tabs = new FakeTabs();
  jest.spyOn(globalThis, "fetch").mockImplementation((url, init) => server.fetch(String(url), init));
  let ids = 0;
  const tab = async (name = "lobby") => {
    const mine = tabs.tab();
    const api = new Api("http://s", () => undefined);
    const outbox = new Outbox({ device, tabs: mine, wake: new FakeWake(), newID: () => `own-${++ids}`, connected: () => true, send: (m) => api.send(m, "ann") });
    await outbox.start();
    const room = new Room({ name, client: "ann", device, tabs: mine, api, outbox });
    const connect = async () => {
      const hub: Hub = await server.dial({ received: (m) => room.receive(m), reset: () => void room.sync(hub) });
      await room.sync(hub);
      await pass();
      return hub;
    };
    await flushPromises();
    return { room, outbox, connect, shown: () => room.timeline.get().messages.map((m) => m.seq) };
  };
  const fill = (to: number) => {
    for (let seq = server.log("lobby").length + 1; seq <= to; seq++) server.store("lobby", `message ${seq}`);
  };
  return { device, server, tabs, tab, fill };
}

/** Advances the clock by one render interval, so that the received messages are shown. */
export async function pass(ms = 40): Promise<void> {
  await flushPromises();
  jest.advanceTimersByTime(ms);
  await flushPromises();
}

/** Returns the numbers from one to another. */
export const run = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
