// A client without rooms: the default hub URL and a handler for ReceiveMessage.
// node minimal.mjs URL TRANSPORT PROTOCOL
import {args, assert, connection, Inbox, limit} from './common.mjs';

const [url, transport, protocol] = args;
const post = msg => fetch(`${url}/message?` + new URLSearchParams({msg, client_id: 'ann'}), {method: 'POST'});
assert.equal((await post('before')).status, 202);
const hub = connection(`${url}/messageHub`, {transport, protocol});
const inbox = new Inbox(hub);
await limit(20, 'start', hub.start());
const mine = `hi ${transport} ${protocol}`;
const answer = await (await post(mine)).json();
await inbox.count(1);
assert.equal(inbox.messages[0].msg, mine, 'from now on: nothing from before');
assert.equal(inbox.messages[0].id, answer.id);
assert.equal(inbox.messages[0].room, 'lobby');
assert.deepEqual(Object.keys(inbox.messages[0]).sort(), ['client_id', 'id', 'msg', 'room', 'sent_at', 'seq', 'stored_at']);
assert.deepEqual(Object.keys(answer).sort(), ['client_id', 'id', 'msg', 'room', 'sent_at']);
await hub.stop();

// Without negotiation, for WebSockets only; and rooms chosen in the URL, each with its cursor.
if (transport === 'websockets') {
  const direct = connection(`${url}/messageHub?room=lobby&after=${inbox.messages[0].seq - 1}&room=other`, {transport, protocol, skipNegotiation: true});
  const again = new Inbox(direct);
  await limit(20, 'start without negotiation', direct.start());
  await again.count(1);
  assert.deepEqual(again.messages[0], inbox.messages[0]);
  await direct.stop();
}

// It can be started again.
await limit(20, 'second start', hub.start());
await post('again');
await inbox.until('a message after the second start', all => all.at(-1).msg === 'again');
await hub.stop();
console.log('ok');
