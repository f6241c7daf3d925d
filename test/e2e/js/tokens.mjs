// A client whose tokens expire repeatedly: it reconnects by itself with a new token, joins with the last number that it
// has seen, and sends all the time, over the connection and by POST.
// node tokens.mjs URL TRANSPORT PROTOCOL ROOM SECRET LIFETIME LEEWAY DURATION, the last three in seconds
// It prints the sends as JSON.
import {args, assert, connection, Inbox, limit} from './common.mjs';
import {assertWhole, grace, post, Sender, Tokens} from './token.mjs';

const [url, transport, protocol, room, secret] = args;
const [lifetime, leeway, duration] = args.slice(5).map(Number);
const tokens = new Tokens(secret, room, lifetime);
let shown, opened; // when the token of the newest request, and that of the connection, expire
const hub = connection(`${url}/messageHub?room=`, {
  transport, protocol, retry: {nextRetryDelayInMilliseconds: () => 50},
  accessTokenFactory() {
    shown = tokens.get().exp;
    return tokens.get().text;
  },
});

const late = [];
class Punctual extends Inbox {
  add(message) {
    if (Date.now() / 1000 > opened + grace(leeway)) late.push(Date.now() / 1000 - opened);
    super.add(message);
  }
}
const inbox = new Punctual(hub);
const ends = [];
const lost = error => /connection being closed|The token has expired|not in the 'Connected' State|No Connection with that ID|404/.test(error.message);

/** Joins after the last message. A join that fails is repeated after the next reconnect. */
const join = () => hub.invoke('JoinRoom', room, inbox.messages.at(-1)?.seq ?? 0).catch(error => assert(lost(error), error.message));
hub.onreconnecting(error => ends.push(error?.message));
hub.onreconnected(() => { opened = shown; return join(); });
hub.onclose(error => { console.error('closed permanently:', error); process.exit(1); });
await limit(20, 'start', hub.start());
opened = shown;
await join();

const end = Date.now() + duration * 1000;
const senders = [
  new Sender('invoked', room, message => hub.invoke('SendMessage', message).catch(error => {
    throw Object.assign(error, {lost: lost(error)});
  })),
  new Sender('posted', room, message => post(url, tokens, message)),
];
await limit(duration + 20, 'the last send', Promise.all(senders.map(sender => sender.until(end))));
const sends = senders.flatMap(sender => sender.sends);
await inbox.until('all that was sent', all => all.length >= sends.length);
await assertWhole(url, tokens, room, inbox.messages);
assert.deepEqual(late, [], 'seconds after the expiry');
assert(ends.length >= Math.floor(duration / (lifetime + leeway)) - 1, `the connection ended ${ends.length} times`);
for (const text of ends) assert.match(text, /The token has expired/);
console.error(`${transport} ${protocol}: ${ends.length} ends, ${tokens.made} tokens, ${sends.length} sent, ${sends.filter(s => s.attempts > 1).length} of them more than once`);
process.stdout.write(JSON.stringify(sends), () => process.exit(0));
