// Tokens that end soon, and a client that refreshes them: what the scripts about expiry have in common.
import {createHmac, randomUUID} from 'node:crypto';
import {assert, history} from './common.mjs';

/** Makes a token that is valid for some seconds from now on. */
export function mint(secret, claims, seconds) {
  const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const signed = `${encode({alg: 'HS256', typ: 'JWT'})}.${encode({...claims, exp})}`;
  return {exp, text: `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`};
}

/** The tokens of a client: each is used until it has a second left. */
export class Tokens {
  #make;
  #current = {exp: 0};
  made = 0;

  constructor(secret, room, seconds) {
    this.#make = () => { this.made++; return mint(secret, {sub: 'ann', rooms: [room]}, seconds); };
  }

  get() {
    if (this.#current.exp * 1000 - Date.now() < 1000) this.#current = this.#make();
    return this.#current;
  }

  headers() {
    return {Authorization: `Bearer ${this.get().text}`};
  }
}

/** Microseconds of the wall clock. */
const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);

/**
 * Sends one message after the other with ids of their own, and keeps what came of each for the checker. attempt(message)
 * resolves when it was accepted, and rejects with what has a property lost if that is not known, so that the same id is to be
 * sent again; whatever else it rejects with is a refusal, which no client that refreshes its tokens should ever see.
 */
export class Sender {
  sends = [];
  #name;
  #room;
  #attempt;

  constructor(name, room, attempt) {
    [this.#name, this.#room, this.#attempt] = [name, room, attempt];
  }

  /** Sends every 40 ms until the time is over. */
  async until(end) {
    while (Date.now() < end) {
      const send = {id: randomUUID(), room: this.#room, client_id: 'ann', text: `${this.#name} ${this.sends.length}`, begun: now(), attempts: 0};
      this.sends.push(send);
      for (; !send.accepted; send.attempts++) {
        try {
          await this.#attempt({id: send.id, room: send.room, msg: send.text});
          send.accepted = now();
        } catch (error) {
          if (!error.lost) throw error;
          await pause(50);
        }
      }
      await pause(40);
    }
  }
}

export const pause = ms => new Promise(resolve => { setTimeout(resolve, ms); });

/** Sends by POST. */
export async function post(url, tokens, message) {
  const response = await fetch(`${url}/message`, {
    method: 'POST', headers: {...tokens.headers(), 'Content-Type': 'application/json'}, body: JSON.stringify(message),
  });
  assert.equal(response.status, 202, `POST: ${await response.text()}`);
}

/** Asserts that what has arrived at a client is the room's log, all of it, in order, once. */
export async function assertWhole(url, tokens, room, messages) {
  const log = [];
  for (;;) {
    const page = await history(url, room, log.length, tokens.headers());
    if (page.length === 0) break;
    log.push(...page);
  }
  assert.deepEqual(messages, log);
}

/** When a message arrives later than this after its connection's token has expired, it is too late. */
export const grace = leeway => leeway + 3;
