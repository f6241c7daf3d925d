import { Failure } from "./failure";
import { FakeDevice, FakeTabs, FakeConnectivity, flushPromises } from "./fakes";
import type { Outgoing } from "./message";
import { Outbox } from "./outbox";
import { PatientDevice } from "./patient";

export const accepted = "2026-01-01T00:00:00.000000Z";
export const never = new Promise<string>(() => {});

/** Tabs of one client on one device, and a server that keeps the messages that it receives. */
export function setUp() {
  let ids = 0;
  const device = new FakeDevice();
  const tabs = new FakeTabs();
  const connectivity = new FakeConnectivity();
  const server = {
    /** Every post, in order, and the accepted messages. */
    posts: [] as string[],
    kept: [] as string[],
    answer: (_: Outgoing): Promise<string> => Promise.resolve(accepted),
    connected: true,
  };
  const tab = () => {
    const mine = tabs.tab();
    const patient = new PatientDevice(async () => device);
    const outbox = new Outbox({
      device: patient,
      tabs: mine,
      connectivity,
      random: () => 1,
      connected: () => server.connected,
      newID: () => `id-${++ids}`,
      send: async (m) => {
        server.posts.push(m.msg);
        const at = await server.answer(m);
        if (!server.kept.includes(m.msg)) server.kept.push(m.msg);
        return at;
      },
    });
    patient.answered.subscribe(() => void outbox.reload());
    const close = () => (outbox.close(), mine.close(), patient.close());
    return { outbox, close, patient, states: () => outbox.outgoing.get().map((m) => `${m.msg} ${m.state}`) };
  };
  return { device, tabs, connectivity, server, tab };
}

/** Opens a tab and starts its outbox. */
export async function started(t: ReturnType<typeof setUp>) {
  const tab = t.tab();
  await tab.outbox.start();
  await flushPromises();
  return tab;
}

/** Advances the clock in small steps, and runs what is due after each. */
export async function pass(ms: number): Promise<void> {
  await flushPromises();
  for (let left = ms; left > 0; left -= 500) {
    jest.advanceTimersByTime(Math.min(500, left));
    await flushPromises();
  }
}

export const unreachable = () => Promise.reject(new Failure("unreachable", "no network"));
