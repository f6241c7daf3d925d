import { Api } from "./api";
import { EventRing } from "./events";
import { FakeDevice, FakeServer, FakeTabs, FakeConnectivity, flushPromises, message } from "./fakes";
import type { Hub } from "./hub";
import { DeviceRooms } from "./joined";
import type { Message } from "./message";
import { Outbox } from "./outbox";
import { RecordReader } from "./records";
import { Room } from "./room";

/** A device, a server, and rooms of the client ann, each in a separate tab. */
export function setUp() {
  const device = new FakeDevice();
  const server = new FakeServer();
  const tabs = new FakeTabs();
  jest.spyOn(globalThis, "fetch").mockImplementation((url, init) => server.fetch(String(url), init));
  let ids = 0;
  const tab = async (name = "lobby", { wasOpened = true } = {}) => {
    const mine = tabs.tab();
    const api = new Api("http://s", () => undefined, new EventRing());
    const outbox = new Outbox({
      device,
      tabs: mine,
      connectivity: new FakeConnectivity(),
      newID: () => `own-${++ids}`,
      connected: () => true,
      send: (m) => api.send(m, "ann"),
    });
    await outbox.start();
    const reader = new RecordReader(device);
    const joined = new DeviceRooms({ device, tabs: mine, first: [] });
    const arrived = jest.fn<void, [readonly Message[]]>();
    const room = new Room({ name, client: "ann", device, reader, tabs: mine, joined, api, outbox, arrived });
    if (wasOpened) room.open()(); // an earlier visit has read its newest page
    const connect = async () => {
      const hub: Hub = await server.dial({ received: (m) => room.receive(m), reset: () => void room.sync(hub) });
      await room.sync(hub);
      await pass();
      return hub;
    };
    await flushPromises();
    return { room, outbox, connect, arrived, shown: () => room.timeline.get().messages.map((m) => m.seq) };
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

/** A server in the epoch a. Its messages have the times of their numbers. */
export function setUpEpochs(last: number) {
  const t = setUp();
  t.server.epoch = "a";
  const fill = (to: number) => {
    for (let seq = t.server.log("lobby").length + 1; seq <= to; seq++)
      t.server.log("lobby").push(message(seq, { id: `${t.server.epoch}-${seq}` }));
  };
  fill(last);
  /** Loses the messages after a number, begins another epoch, and adds messages up to another number. */
  const goBack = (to: number, epoch: string, next = to) => {
    t.server.goBack("lobby", to, epoch);
    fill(next);
  };
  const kept = async () =>
    (await t.device.history("lobby", 9_999, undefined, t.device.values.get("epoch:lobby") as string | undefined)).map(
      (m) => m.id,
    );
  return { ...t, fill, goBack, kept };
}

/** Returns the ids of the messages of an epoch from one number to another. */
export const idsOf = (epoch: string, from: number, to: number) => run(from, to).map((seq) => `${epoch}-${seq}`);
/** Returns the time of a message. */
export const timeOf = (seq: number) => message(seq).sent_at;
