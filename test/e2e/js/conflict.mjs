// The official client sends another text with an id that it has used.
// node conflict.mjs URL TRANSPORT PROTOCOL refused|accepted
import {args, assert, connection, history, Inbox, limit, post, rejects} from './common.mjs';

const [url, transport, protocol, outcome] = args;
const room = `conflict-${transport}-${protocol}`;
const hub = connection(`${url}/messageHub?room=&client_id=ann`, {transport, protocol});
const inbox = new Inbox(hub);
await limit(20, 'start', hub.start());
await hub.invoke('JoinRoom', room, 0);

/** Another text under a used id: refused for good where it is known, and otherwise not shown. */
const conflict = async (...message) => {
  if (outcome === 'refused') return rejects(hub.invoke('SendMessage', ...message), /HubException: conflict: [^;]*; a new text needs a new id$/);
  assert.deepEqual(Object.keys(await hub.invoke('SendMessage', ...message)).sort(), ['id', 'sent_at']);
};

const id = crypto.randomUUID();
await hub.invoke('SendMessage', room, 'first', id);
await hub.invoke('SendMessage', room, 'first', id);
await conflict(room, 'second', id);
await conflict({room, msg: 'second', id: id.toUpperCase()});
await hub.invoke('SendMessage', {room, msg: 'first', id, client_id: ' ann '});

// Other senders may use the id, over the hub and over HTTP.
await hub.invoke('SendMessage', {room, msg: 'second', id, client_id: 'bob'});
await post(url, room, {msg: 'third', id, client_id: 'eve'});
await hub.invoke('SendMessage', room, 'the end');
await inbox.count(4);
const want = [['ann', 'first'], ['bob', 'second'], ['eve', 'third'], ['ann', 'the end']];
assert.deepEqual(inbox.messages.map(m => [m.client_id, m.msg]), want);
assert.deepEqual(inbox.messages.slice(0, 3).map(m => m.id), [id, id, id]);
assert.deepEqual(await history(url, room), inbox.messages);
await hub.stop();
console.log('ok');
