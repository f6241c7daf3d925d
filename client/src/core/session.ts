import { originOf } from "./address";
import { Api } from "./api";
import { Store } from "./store";
import { Chat } from "./chat";
import { exposureOf } from "./cleartext";
import type { Platform } from "./device";
import { EventRing } from "./events";
import { Failure, type Trouble } from "./failure";
import { claimsOf, identityOf, isName, trimName, type Identity } from "./identity";

/** The stage that the app is in, from opening to a chat. */
export type Stage =
  | { readonly is: "opening" }
  | { readonly is: "server"; readonly problem?: Problem } // asks which server
  | { readonly is: "unreachable"; readonly server: string } // the server has not answered yet
  | { readonly is: "name"; readonly server: string; readonly problem?: Problem } // asks for a name
  | { readonly is: "token"; readonly server: string; readonly problem?: Problem } // asks for a token
  | { readonly is: "chat"; readonly chat: Chat };

/** Why an input was not accepted. */
export type Problem =
  "not an address" | "not encrypted" | "no answer" | "not a name" | "not a token" | "expired" | "not accepted";

const serverKey = "server";
const identityKey = "identity";

/** Takes the app from its start to a Chat, and from one client to another. No method rejects. */
export class Session {
  readonly stage = new Store<Stage>({ is: "opening" });
  /** The last events, for a report of a fault. */
  readonly events = new EventRing();
  readonly #platform: Platform;
  #server = "";

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Starts with the stored server and identity, and asks for what is missing. */
  async start(): Promise<void> {
    const token = this.#platform.takeToken();
    this.#platform.connectivity.subscribe(() => this.#woken());
    this.#server = this.#platform.server ?? (await this.#read(serverKey)) ?? "";
    if (this.#server === "") return this.stage.set({ is: "server" });
    if (this.#platform.server === null && exposureOf(this.#server) === "anybody") {
      return this.stage.set({ is: "server", problem: "not encrypted" }); // an earlier version accepted it
    }
    if (token !== null) return void (await this.enterToken(token));
    const kept = await this.#read(identityKey);
    const identity = kept === null ? null : identityOf(kept);
    await (identity === null ? this.probe() : this.#enter(identity));
  }

  /** Asks the server whether it needs a token. */
  async probe(): Promise<void> {
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
    if (this.stage.get().is === "name") await this.#enter({ client });
  }

  /**
   * Accepts a first token, or a replacement for one that the server no longer accepts. Resolves with the problem, or null. If
   * the server does not answer, the token is accepted unchecked, so that the user can read and write offline.
   */
  async enterToken(text: string): Promise<Problem | null> {
    const token = text.trim().replace(/^Bearer\s+/i, "");
    const claims = claimsOf(token);
    if (claims === null) return this.#refuse("not a token");
    const before = this.stage.get();
    const trouble = await troubleOf(this.#server, token);
    if (this.stage.get() !== before) return null; // the stage has changed meanwhile
    if (trouble === "unauthenticated")
      return this.#refuse(claims.exp * 1000 <= Date.now() ? "expired" : "not accepted");
    const identity = { client: claims.sub, token };
    if (before.is === "chat" && before.chat.client === claims.sub) {
      before.chat.renew(token);
      await this.#remember(identity);
      return null;
    }
    this.stage.set({ is: "opening" });
    if (before.is === "chat") await before.chat.close();
    await this.#enter(identity);
    return null;
  }

  /** Removes all data of the client from this device. */
  async signOut(): Promise<void> {
    const stage = this.stage.get();
    this.stage.set({ is: "opening" });
    await this.#write(identityKey, null);
    if (stage.is === "chat") await stage.chat.erase().catch(() => undefined); // on failure the data stays until the next sign-out
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

  #refuse(problem: Problem): Problem {
    if (this.stage.get().is !== "chat") this.stage.set({ is: "token", server: this.#server, problem });
    return problem;
  }

  async #enter(identity: Identity): Promise<void> {
    this.stage.set({ is: "opening" });
    await this.#remember(identity);
    const chat = await Chat.open(this.#platform, this.#server, identity, this.events);
    void chat.erased.then(() => this.#leave(chat));
    this.stage.set({ is: "chat", chat });
  }

  /** Reacts to a sign-out in another tab. */
  async #leave(chat: Chat): Promise<void> {
    const stage = this.stage.get();
    if (stage.is !== "chat" || stage.chat !== chat) return;
    this.stage.set({ is: "opening" });
    await this.probe();
  }

  #woken(): void {
    if (this.stage.get().is === "unreachable") void this.probe();
  }

  #remember(identity: Identity): Promise<void> {
    return this.#write(identityKey, JSON.stringify(identity));
  }

  #read(key: string): Promise<string | null> {
    return this.#platform.keyValues.read(key).catch(() => null); // on failure the app asks for it again
  }

  #write(key: string, value: string | null): Promise<void> {
    return this.#platform.keyValues.write(key, value).catch(() => undefined); // on failure the app asks for it again after a restart
  }
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
