// An EventSource whose tokens expire repeatedly: it continues with a new token after the last message.
// node events_token.mjs URL HOW ROOM SECRET LIFETIME LEEWAY DURATION, the last three in seconds
// HOW is "header" or "query". "header" is one EventSource, which sends a new token whenever it reconnects with
// Last-Event-ID. "query" is a new EventSource each time, with access_token, as in browsers. It prints the sends as JSON.
import EventSource from 'eventsource';
import {args, assert, Inbox, limit} from './common.mjs';
import {assertWhole, grace, post, Sender, Tokens} from './token.mjs';

const [url, how, room, secret] = args;
const [lifetime, leeway, duration] = args.slice(4).map(Number);
const tokens = new Tokens(secret, room, lifetime);
const inbox = new Inbox({on() {}});
const late = [];
let shown, opened; // when the token of the newest request, and that of the stream, expire
let openings = 0;
let source;

const token = () => {
  shown = tokens.get().exp;
  return tokens.get().text;
};
const header = {headers: {get Authorization() { return `Bearer ${token()}`; }}}; // read for each request

function open() {
  const query = new URLSearchParams({after: String(inbox.messages.at(-1)?.seq ?? 0)});
  if (how === 'query') query.set('access_token', token());
  source = new EventSource(`${url}/rooms/${room}/events?${query}`, how === 'header' ? header : {});
  source.reconnectInterval = 50;
  source.onopen = () => { openings++; opened = shown; };
  source.addEventListener('message', event => {
    if (Date.now() / 1000 > opened + grace(leeway)) late.push(Date.now() / 1000 - opened);
    inbox.add(JSON.parse(event.data));
  });
  source.onerror = event => {
    assert.equal(event.status, undefined, `refused with ${event.status}`);
    if (how !== 'query') return;
    source.close();
    setTimeout(open, 50);
  };
}

open();
const sender = new Sender('posted', room, message => post(url, tokens, message));
await limit(duration + 20, 'the last send', sender.until(Date.now() + duration * 1000));
await inbox.until('all that was sent', all => all.length >= sender.sends.length);
await assertWhole(url, tokens, room, inbox.messages);
assert.deepEqual(late, [], 'seconds after the expiry');
assert(openings >= Math.floor(duration / (lifetime + leeway)), `the stream was opened ${openings} times`);
console.error(`events, ${how}: ${openings} openings, ${tokens.made} tokens, ${sender.sends.length} sent`);
process.stdout.write(JSON.stringify(sender.sends), () => process.exit(0));
