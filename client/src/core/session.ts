import { originOf } from "./address";
import { Api } from "./api";
import { Store } from "./store";
import { Chat } from "./chat";
import { Circuit } from "./circuit";
import { exposureOf } from "./cleartext";
import type { KeyValueStore, Platform } from "./device";
import { patientKeyValues } from "./patient";
import { EventRing } from "./events";
import { Failure, type Trouble } from "./failure";
import { claimsOf, identityOf, isName, isOlder, trimName, type Identity } from "./identity";

/** The stage that the app is in, from opening to a chat. */
export type Stage =
  | { readonly is: "opening" }
  | { readonly is: "failed"; readonly failures: number } // the chat could not be opened, so often in a row
  | { readonly is: "server"; readonly problem?: Problem } // asks which server
  | { readonly is: "unreachable"; readonly server: string } // the server has not answered yet
  | { readonly is: "unchecked"; readonly server: string; readonly client: string } // the token of a link waits for the server's answer
  | { readonly is: "name"; readonly server: string; readonly problem?: Problem } // asks for a name
  | { readonly is: "token"; readonly server: string; readonly problem?: Problem } // asks for a token
  | { readonly is: "chat"; readonly chat: Chat };

/** Why an input was not accepted. */
export type Problem =
  | "not an address"
  | "not encrypted"
  | "no answer"
  | "not a name"
  | "not a token"
  | "expired"
  | "not accepted"
  | "not checked"; // the server did not answer

/** What came of a token that was shown to somebody who is signed in. Nothing has changed yet. */
export type Offer =
  /** The server accepts the token, and it is another client's. */
  | {
      readonly is: "question";
      readonly now: string;
      readonly client: string;
      /** How many messages of the present client wait unsent, and whether the device keeps them. */
      readonly unsent: number;
      readonly keeps: boolean;
      /** Goes on as the other client. */
      readonly accept: () => Promise<void>;
    }
  /** The server does not answer. It is asked again when it does. */
  | { readonly is: "unchecked"; readonly now: string; readonly client: string }
  /** The token is of no use. */
  | { readonly is: "refused"; readonly now: string; readonly problem: Problem };

const serverKey = "server";
/** The last identity of the device, with which a new tab begins. */
const identityKey = "identity";
/** The identity of this tab, which stays when another tab changes that of the device. */
const tabKey = "tab.identity";

/** A token that is asked about again when the server may answer. */
interface Pending {
  readonly token: string;
  readonly end: () => void;
}

/**
 * Takes the app from its start to a Chat, and from one client to another, which takes the person's own word and the server's yes.
 * No method rejects.
 */
export class Session {
  readonly stage = new Store<Stage>({ is: "opening" });
  /** What came of the token of a link or a form while somebody is signed in; null for nothing. */
  readonly offer = new Store<Offer | null>(null);
  /** The last events, for a report of a fault. */
  readonly events: EventRing;
  readonly #platform: Platform;
  readonly #keyValues: KeyValueStore;
  readonly #off: () => void;
  #server = "";
  #failures = 0;
  #pending: Pending | null = null;

  constructor(platform: Platform, events = new EventRing()) {
    this.#platform = platform;
    this.#keyValues = patientKeyValues(platform.keyValues);
    this.events = events;
    this.#off = platform.connectivity.subscribe(() => this.#woken());
  }

  /** Starts with the stored server and identity, and asks for what is missing. */
  async start(): Promise<void> {
    const token = this.#platform.takeToken();
    this.#platform.followTokens?.((followed) => void this.follow(followed));
    this.#server = this.#platform.server ?? (await this.#read(serverKey)) ?? "";
    if (this.#server === "") return this.stage.set({ is: "server" });
    if (this.#platform.server === null && exposureOf(this.#server) === "anybody") {
      return this.stage.set({ is: "server", problem: "not encrypted" }); // an earlier version accepted it
    }
    const identity = (await this.#readIdentity(tabKey)) ?? (await this.#readIdentity(identityKey));
    if (identity !== null) await this.#enter(identity);
    if (token !== null) return this.follow(token);
    if (identity === null) await this.probe();
  }

  /** Ends the session without a trace: the data stays on the device. */
  async close(): Promise<void> {
    const stage = this.stage.get();
    this.#forgetPending();
    this.#off();
    if (stage.is === "chat") await stage.chat.close();
  }

  /** Asks the server whether it needs a token. */
  async probe(): Promise<void> {
    if (this.#pending !== null) return this.follow(this.#pending.token);
    const before = this.stage.get();
    const stage = await inquire(this.#server);
    if (this.stage.get() === before) this.stage.set(stage);
  }

  async enterServer(text: string): Promise<void> {
    const before = this.stage.get();
    const found = await this.#find(text);
    if (this.stage.get() !== before) return;
    if (typeof found === "string") return this.stage.set({ is: "server", problem: found });
    await this.#use(found);
  }

  /**
   * Signs out and goes on with another server, which must answer before anything changes here. Resolves with the problem, or
   * null.
   */
  async changeServer(text: string): Promise<Problem | null> {
    const before = this.stage.get();
    const found = await this.#find(text);
    if (this.stage.get() !== before) return null; // the stage has changed meanwhile
    if (typeof found === "string") return found;
    await this.signOut();
    await this.#use(found);
    return null;
  }

  async enterName(name: string): Promise<void> {
    const client = trimName(name);
    if (!isName(client)) return this.stage.set({ is: "name", server: this.#server, problem: "not a name" });
    if (this.stage.get().is === "name") await this.#choose({ client });
  }

  /**
   * Takes a token that the user has entered. Nobody signed in: the server's yes signs in. The same client: the token replaces an
   * older one. Another client: the session asks first, see offer. Resolves with the problem, or null.
   */
  async enterToken(text: string): Promise<Problem | null> {
    const token = text.trim().replace(/^Bearer\s+/i, "");
    const before = this.stage.get();
    if (before.is === "chat") return this.#consider(before.chat, token);
    const problem = await this.#check(token);
    if (this.stage.get() !== before) return null; // the stage has changed meanwhile
    if (problem !== null) this.stage.set({ is: "token", server: this.#server, problem });
    else await this.#choose(identityOfToken(token));
    return problem;
  }

  /**
   * Follows a link with a token. If the server does not answer, nothing changes until it does; if somebody is signed in, nothing
   * else changes either, see offer.
   */
  async follow(token: string): Promise<void> {
    this.#forgetPending();
    const before = this.stage.get();
    const problem = before.is === "chat" ? await this.#consider(before.chat, token) : await this.#check(token);
    const client = claimsOf(token)?.sub ?? "";
    if (this.stage.get() !== before) return;
    if (problem === "not checked") this.#askLater(token, before);
    if (before.is === "chat") {
      const now = before.chat.client;
      if (problem === "not checked") this.offer.set({ is: "unchecked", now, client });
      else if (problem !== null) this.offer.set({ is: "refused", now, problem });
    } else if (problem === null) await this.#choose(identityOfToken(token));
    else if (problem === "not checked") this.stage.set({ is: "unchecked", server: this.#server, client });
    else this.stage.set({ is: "token", server: this.#server, problem });
  }

  /** Forgets what came of a token. Everything stays as it is. */
  dismiss(): void {
    this.#forgetPending();
    this.offer.set(null);
    if (this.stage.get().is === "unchecked") void this.probe();
  }

  /** Counts the messages that would be lost by signing out: those of all clients on this device, as far as it tells in time. */
  async unsent(): Promise<number> {
    const stage = this.stage.get();
    const own = stage.is === "chat" ? stage.chat.waiting.get() : 0;
    const all = await new Circuit().call(() => this.#platform.unsent()).catch(() => 0);
    return Math.max(own, all);
  }

  /** Ends this client in all tabs, and removes everything from this device that it keeps of anybody. */
  async signOut(): Promise<void> {
    const stage = this.stage.get();
    this.dismiss();
    this.stage.set({ is: "opening" });
    if (stage.is === "chat") await stage.chat.erase().catch(() => undefined); // what fails stays until the next sign-out
    await new Circuit().call(() => this.#platform.erase()).catch((error) => this.events.caught("erase", error));
    for (const key of [tabKey, identityKey, serverKey]) await this.#write(key, null);
    if (this.#platform.server === null) this.stage.set({ is: "server" });
    else await this.probe();
  }

  /** Returns the first stage on a server, or the problem with its address. */
  async #find(text: string): Promise<Problem | Asking> {
    const server = originOf(text);
    if (server === null) return "not an address";
    if (exposureOf(server) === "anybody") return "not encrypted";
    const stage = await inquire(server);
    return stage.is === "unreachable" ? "no answer" : stage;
  }

  async #use(stage: Asking): Promise<void> {
    this.#server = stage.server;
    this.stage.set(stage);
    await this.#write(serverKey, stage.server);
  }

  /** Returns what is wrong with a token, or null if the server accepts it. */
  async #check(token: string): Promise<Problem | null> {
    const claims = claimsOf(token);
    if (claims === null) return "not a token";
    const trouble = await troubleOf(this.#server, token);
    if (trouble === null) return null;
    if (trouble === "later" || trouble === "unreachable") return "not checked";
    return claims.exp * 1000 <= Date.now() ? "expired" : "not accepted";
  }

  /** Takes a token while somebody is signed in. Only a token of the same client that is not older changes anything here. */
  async #consider(chat: Chat, token: string): Promise<Problem | null> {
    const { sub } = claimsOf(token) ?? { sub: "" };
    const isUseless = () => sub === chat.client && chat.link.get().is !== "refused" && isOlder(token, chat.token.get());
    if (isUseless()) return null;
    const before = this.stage.get();
    const problem = await this.#check(token);
    if (problem !== null || this.stage.get() !== before || isUseless()) return problem;
    if (sub === chat.client) {
      chat.renew(token);
      await this.#renewed(chat);
      this.offer.set(null);
    } else this.#ask(chat, identityOfToken(token));
    return null;
  }

  /** Asks whether to go on as another client. */
  #ask(chat: Chat, identity: Identity): void {
    const [unsent, keeps] = [chat.waiting.get(), chat.keeps.get()];
    const question: Offer = {
      is: "question",
      now: chat.client,
      client: identity.client,
      unsent,
      keeps,
      accept: async () => {
        if (this.offer.get() !== question) return;
        this.offer.set(null);
        this.stage.set({ is: "opening" });
        await chat.close();
        await this.#choose(identity);
      },
    };
    this.offer.set(question);
  }

  /** Asks the server about a token again when the connection is live, or may be. */
  #askLater(token: string, stage: Stage): void {
    if (stage.is !== "chat") return void (this.#pending = { token, end: () => undefined });
    const { link } = stage.chat;
    const again = () => {
      if (link.get().is === "live" && this.stage.get() === stage) void this.follow(token);
    };
    this.#pending = { token, end: link.subscribe(again) };
  }

  #forgetPending(): void {
    this.#pending?.end();
    this.#pending = null;
  }

  /** Signs in as a client whom the user has chosen, who is the device's last one from now on. */
  async #choose(identity: Identity): Promise<void> {
    this.#forgetPending();
    this.stage.set({ is: "opening" });
    await this.#write(identityKey, JSON.stringify(identity));
    await this.#enter(identity);
  }

  async #enter(identity: Identity): Promise<void> {
    this.stage.set({ is: "opening" });
    await this.#write(tabKey, JSON.stringify(identity));
    try {
      const chat = await Chat.open(this.#platform, this.#server, identity, this.events);
      void chat.erased.then(() => this.#leave(chat));
      chat.token.subscribe(() => void this.#renewed(chat));
      this.#failures = 0;
      this.stage.set({ is: "chat", chat });
    } catch (error) {
      this.events.caught("open", error);
      this.stage.set({ is: "failed", failures: ++this.#failures });
    }
  }

  /** Stores the new token of a client. The device's last identity changes only if it is the same client. */
  async #renewed({ client, token }: Chat): Promise<void> {
    const renewed = token.get();
    const identity = JSON.stringify(renewed === undefined ? { client } : { client, token: renewed });
    await this.#write(tabKey, identity);
    if ((await this.#readIdentity(identityKey))?.client === client) await this.#write(identityKey, identity);
  }

  /** Reacts to a sign-out in another tab. */
  async #leave(chat: Chat): Promise<void> {
    const stage = this.stage.get();
    if (stage.is !== "chat" || stage.chat !== chat) return;
    this.dismiss();
    this.stage.set({ is: "opening" });
    await this.#write(tabKey, null);
    await this.probe();
  }

  #woken(): void {
    const { is } = this.stage.get();
    if (is === "unreachable" || is === "unchecked") void this.probe();
  }

  /** Returns a stored identity. Null if there is none that is valid. */
  async #readIdentity(key: string): Promise<Identity | null> {
    const kept = await this.#read(key);
    return kept === null ? null : identityOf(kept);
  }

  #read(key: string): Promise<string | null> {
    return this.#keyValues.read(key).catch(() => null); // on failure the app asks for it again
  }

  #write(key: string, value: string | null): Promise<void> {
    return this.#keyValues.write(key, value).catch(() => undefined); // on failure the app asks for it again after a restart
  }
}

/** Returns the client of a token that has been checked. */
function identityOfToken(token: string): Identity {
  return { client: claimsOf(token)?.sub ?? "", token };
}

/** The stages in which a server that answers asks who its client is. */
type Asking = Extract<Stage, { is: "name" | "token" }>;

/** Returns the stage that a server requires first. */
async function inquire(server: string): Promise<Asking | Extract<Stage, { is: "unreachable" }>> {
  const trouble = await troubleOf(server, undefined);
  if (trouble === null) return { is: "name", server };
  return trouble === "unauthenticated" ? { is: "token", server } : { is: "unreachable", server };
}

/** Sends a harmless request and returns its kind of failure, or null. */
async function troubleOf(server: string, token: string | undefined): Promise<Trouble | null> {
  try {
    await new Api(server, () => token, new EventRing()).rooms(1);
    return null;
  } catch (error) {
    return Failure.of(error).trouble;
  }
}
