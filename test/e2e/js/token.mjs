// Short-lived tokens, and a client that refreshes them, for the scripts about expiry.
import {createHmac, randomUUID} from 'node:crypto';
import {assert, history} from './common.mjs';

/** Makes a token that is valid for some seconds. */
export function mint(secret, claims, seconds) {
  const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const signed = `${encode({alg: 'HS256', typ: 'JWT'})}.${encode({...claims, exp})}`;
  return {exp, text: `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`};
}

/** The tokens of a client: each is used until one second before it expires. */
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
 * Sends messages one after the other, each with a new id, and records the outcomes for the checker. attempt(message)
 * resolves when the message was accepted. If the outcome is unknown it rejects with an error that has a property lost, and
 * the same id is sent again. Any other rejection is a refusal, which a client that refreshes its tokens must never see.
 */
export class Sender {
  sends = [];
  #name;
  #room;
  #attempt;

  constructor(name, room, attempt) {
    [this.#name, this.#room, this.#attempt] = [name, room, attempt];
  }

  /** Sends every 40 ms for a given time. */
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

/** Asserts that a client has received the whole log of the room, in order, each message once. */
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
