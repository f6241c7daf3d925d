// Helpers for all scripts of this folder: command line arguments, waiting with a limit, and connections of the official
// client.
import assert from 'node:assert/strict';
import {HubConnectionBuilder, HttpTransportType, JsonHubProtocol, LogLevel} from '@microsoft/signalr';
import {MessagePackHubProtocol} from '@microsoft/signalr-protocol-msgpack';

export {assert};

/** The script's arguments, after its name. */
export const args = process.argv.slice(2);

/** The named transports and protocols of the client library. */
export const transports = {
  websockets: HttpTransportType.WebSockets,
  sse: HttpTransportType.ServerSentEvents,
  longpolling: HttpTransportType.LongPolling,
};
export const protocols = {json: () => new JsonHubProtocol(), messagepack: () => new MessagePackHubProtocol()};

/** Returns a connection that is not started. options go to withUrl; retry, if given, to withAutomaticReconnect; logging to
 * configureLogging. */
export function connection(url, {transport = 'websockets', protocol = 'json', retry, logging = LogLevel.None, ...options} = {}) {
  const builder = new HubConnectionBuilder()
    .withUrl(url, {transport: transports[transport], ...options})
    .withHubProtocol(protocols[protocol]())
    .configureLogging(logging);
  if (retry) builder.withAutomaticReconnect(retry);
  return builder.build();
}

/** Messages that arrive at a connection, in the order of arrival. */
export class Inbox {
  messages = [];
  #waiting = [];

  constructor(hub) {
    hub.on('ReceiveMessage', (...received) => {
      assert.equal(received.length, 1, 'one argument');
      this.add(received[0]);
    });
  }

  add(message) {
    this.messages.push(message);
    this.#waiting = this.#waiting.filter(w => !w());
  }

  /** Resolves when enough(messages) is true. It is called after each message. */
  until(what, enough, seconds = 20) {
    return limit(seconds, what + `; ${this.messages.length} messages arrived`, new Promise(resolve => {
      const check = () => enough(this.messages) && (resolve(this.messages), true);
      if (!check()) this.#waiting.push(check);
    }));
  }

  /** Resolves when n messages have arrived. */
  count(n) {
    return this.until(`${n} messages`, all => all.length >= n);
  }
}

/** Rejects if the promise takes longer than the given seconds. */
export function limit(seconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not in ${seconds} s: ${what}`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Posts a message over HTTP and returns the answer's body. */
export async function post(url, room, body) {
  const response = await fetch(`${url}/rooms/${room}/messages`, {
    method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({client_id: 'poster', ...body}),
  });
  assert.equal(response.status, 202, await response.clone().text());
  return response.json();
}

/** Returns the messages of a room after a number, from the HTTP API. */
export async function history(url, room, after = 0, headers = {}) {
  const response = await fetch(`${url}/rooms/${room}/messages?after=${after}&limit=500`, {headers});
  assert.equal(response.status, 200);
  return (await response.json()).messages;
}

/** Asserts that a promise is rejected with a message that matches the pattern. */
export async function rejects(promise, pattern) {
  const error = await limit(20, `a rejection like ${pattern}`, promise.then(() => assert.fail(`not rejected; want ${pattern}`), e => e));
  assert.match(error.message, pattern);
}

/** Asserts that the numbers are first, first+1, … last: once each, in order. */
export function assertDense(messages, first, last) {
  assert.deepEqual(messages.map(m => m.seq), Array.from({length: last - first + 1}, (_, i) => first + i));
}

/** Text that no server may log: testkit.Private. After all tests, the logs are searched for it. */
export const marked = 'foryoureyesonly';

/** Texts that have broken other chats. */
export const hardTexts = [
  marked, '👩‍👩‍👧‍👦 🇪🇺 🏳️‍🌈', 'שלום עולם \u202eמימין\u202c', 'مرحبا بالعالم', 'line\nbreak\r\nand\ttab', 'U+2028\u2028 and U+2029\u2029',
  'quotes " \\ / \b \f and \u0001 \u001e \u001f \u007f', '</script><script>alert(1)</script>', '{"type":1,"target":"x"}\u001e', 'data: x\n\nevent: y\n\n',
  '日本語 中文 한국어', '\ufeffbom', 'e\u0301 is not é', '\ud83d\ude00'.repeat(100), ' leading and trailing ', 'nul \u0000 nul', '%20 + & = ? #',
];
