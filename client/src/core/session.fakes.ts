import type { Platform } from "./device";
import { FakeDevice, FakeServer, FakeTabs, FakeConnectivity } from "./fakes";
import { dial } from "./hub";
import { Session, type Offer } from "./session";

/** A browser with the data of several clients, and a server. Each tab has its own values. The test mocks ./hub. */
export function setUpPeople() {
  const server = new FakeServer();
  const devices = new Map<string, FakeDevice>();
  const channels = new Map<string, FakeTabs>();
  const connectivity = new FakeConnectivity();
  /** The values that all tabs share. */
  const shared = new Map<string, string>();
  jest.spyOn(globalThis, "fetch").mockImplementation((url, init) => server.fetch(String(url), init));
  jest.mocked(dial).mockImplementation(async (o) => {
    if (server.tokens !== null && !server.tokens.has(o.token() ?? "")) throw new Error("WebSocket failed");
    return server.dial(o);
  });
  let ids = 0;
  const of = <T>(map: Map<string, T>, key: string, make: () => T): T => {
    const value = map.get(key) ?? make();
    map.set(key, value);
    return value;
  };
  const opened: Session[] = [];
  const platforms: Platform[] = [];
  /** Opens the app in a tab, at a link with a token if one is given. A tab that is opened again keeps its values. */
  const open = async (tab = new Map<string, string>(), token: string | null = null) => {
    const values = (key: string) => (key.startsWith("tab.") ? tab : shared);
    let follow: (token: string) => void = () => undefined;
    const platform: Platform = {
      keyValues: {
        read: async (key) => values(key).get(key) ?? null,
        write: async (key, value) => void (value === null ? values(key).delete(key) : values(key).set(key, value)),
      },
      connectivity,
      server: "http://s",
      negotiates: true,
      device: async (_, client) => of(devices, client, () => new FakeDevice()),
      tabs: (_, client) => of(channels, client, () => new FakeTabs()).tab(),
      newID: () => `id-${++ids}`,
      takeToken: () => token,
      persist: async () => true,
      unsent: async () => [...devices.values()].reduce((sum, { box }) => sum + box.size, 0),
      erase: async () => {
        for (const kept of [devices, shared, tab]) kept.clear();
      },
      followTokens: (listener) => (follow = listener),
    };
    platforms.push(platform);
    const session = new Session(platform);
    opened.push(session);
    await session.start();
    return { session, tab, follow: (followed: string) => follow(followed) };
  };
  const close = () => Promise.all(opened.map((session) => session.close()));
  return { server, devices, channels, connectivity, shared, platforms, open, close };
}

/** Returns the chat that a session shows. */
export function chatOf(session: Session) {
  const stage = session.stage.get();
  if (stage.is !== "chat") throw new Error(`the session is at ${stage.is}`);
  return stage.chat;
}

/** Returns the question that a session asks. */
export function questionOf(session: Session): Extract<Offer, { is: "question" }> {
  const offer = session.offer.get();
  if (offer?.is !== "question") throw new Error(`the session asks nothing: ${JSON.stringify(offer)}`);
  return offer;
}
