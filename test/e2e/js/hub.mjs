// The official client over one transport and protocol: events, invocations, results, errors.
// node hub.mjs URL TRANSPORT PROTOCOL
import {args, assert, assertDense, connection, hardTexts, history, Inbox, limit, marked, post, rejects} from './common.mjs';

const [url, transport, protocol] = args;
const room = `hub-${transport}-${protocol}`;
const hub = connection(`${url}/messageHub?room=&client_id=jo%C3%ABl`, {transport, protocol});
const inbox = new Inbox(hub);
let closed = null;
hub.onclose(error => { closed = error ?? new Error('closed'); });
await limit(20, 'start', hub.start());

console.log('# an empty room');
const {epoch, ...empty} = await hub.invoke('JoinRoom', room, 0);
assert.deepEqual(empty, {last_seq: 0, oldest_seq: 0});
assert.match(epoch, /^[0-9a-zA-Z]+$/);

console.log('# difficult texts arrive unchanged, in order, as the same objects as in the history');
for (const msg of hardTexts) await post(url, room, {msg});
await inbox.count(hardTexts.length);
assert.deepEqual(inbox.messages.map(m => m.msg), hardTexts);
assertDense(inbox.messages, 1, hardTexts.length);
assert.deepEqual(inbox.messages, await history(url, room));

console.log('# the client sends them over the hub');
for (const msg of hardTexts) {
  const result = await hub.invoke('SendMessage', room, msg);
  assert.match(result.id, /^[0-9a-f-]{36}$/);
  assert.match(result.sent_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
}
await inbox.count(2 * hardTexts.length);
assert.deepEqual(inbox.messages.slice(hardTexts.length).map(m => m.msg), hardTexts);
assert.ok(inbox.messages.slice(hardTexts.length).every(m => m.client_id === 'joël'));

console.log('# an object with an id, twice, and the id of another sender');
const id = crypto.randomUUID();
const once = {room, msg: marked, id, client_id: 'someone'};
assert.equal((await hub.invoke('SendMessage', once)).id, id);
assert.equal((await hub.invoke('SendMessage', once)).id, id);
assert.equal((await hub.invoke('SendMessage', room, marked, id)).id, id);
await inbox.until('a message of each', all => all.filter(m => m.id === id).length === 2);
assert.deepEqual(inbox.messages.filter(m => m.id === id).map(m => m.client_id), ['someone', 'joël']);

console.log('# 30 KB, and not more than 32 KiB');
const long = 'ä😀x'.repeat(4285); // 7 bytes each
await hub.invoke('SendMessage', room, long);
await inbox.until('the long one', all => all.at(-1).msg === long);
await rejects(hub.invoke('SendMessage', room, 'x'.repeat((32 << 10) + 1)), /HubException: .*msg/);

console.log('# a burst of 200 in order, once each');
const before = inbox.messages.length;
const sent = await Promise.all(Array.from({length: 200}, (_, i) => hub.invoke('SendMessage', room, `${marked} ${i}`)));
await inbox.count(before + 200);
assert.equal(new Set(sent.map(s => s.id)).size, 200);
assert.deepEqual(inbox.messages.slice(before).map(m => m.msg), Array.from({length: 200}, (_, i) => `${marked} ${i}`), 'one call at a time');
assertDense(inbox.messages, 1, before + 200);

console.log('# sends without an answer');
for (let i = 0; i < 20; i++) await hub.send('SendMessage', room, `${marked}: sent ${i}`);
await inbox.count(before + 220);

console.log('# errors say what is wrong, and the connection stays open');
await rejects(hub.invoke('Nonsense', 1), /Unknown hub method 'Nonsense'/i);
await rejects(hub.invoke('SendMessage'), /Failed to invoke 'SendMessage'/);
await rejects(hub.invoke('JoinRoom', room, 0, 0, 0), /Failed to invoke 'JoinRoom'/);
await rejects(hub.invoke('SendMessage', 'Not A Room', 'x'), /HubException: .*room/);
await rejects(hub.invoke('SendMessage', room, 'x', 'not-an-id'), /HubException: .*id/);
await rejects(hub.invoke('SendMessage', room, ''), /HubException: .*msg/);
await rejects(hub.invoke('SendMessage', room, 7), /SendMessage/);
await rejects(hub.invoke('SendMessage', {room, msg: 'x', client_id: 'a', wrong: 1}), /wrong/);
await rejects(hub.invoke('JoinRoom', room, -5), /after/);
await rejects(hub.invoke('JoinRoom', room, 'x'), /JoinRoom/);
await rejects(limit(20, 'a stream', new Promise((_, reject) => hub.stream('JoinRoom', room).subscribe({next() {}, complete() {}, error: reject}))), /streaming/);
hub.send('Nonsense').catch(() => {}); // without an id there is no answer

console.log('# names of methods are case-insensitive; history over the connection');
const last = inbox.messages.length;
const page = await hub.invoke('getmessagessince', room, 0, 3);
assert.deepEqual(page.messages, inbox.messages.slice(0, 3));
assert.equal(page.last_seq, last);
assert.equal(page.oldest_seq, 1);

console.log('# joining again moves the cursor; leaving ends it; history and live without a hole');
assert.deepEqual(await hub.invoke('JoinRoom', room, last - 5), {last_seq: last, oldest_seq: 1, epoch});
await inbox.count(last + 5);
assertDense(inbox.messages.slice(last), last - 4, last);
await hub.invoke('LeaveRoom', room);
await post(url, room, {msg: 'while away'});
await hub.invoke('JoinRoom', `${room}-2`);
await post(url, `${room}-2`, {msg: 'another room'});
await inbox.count(last + 6);
assert.equal(inbox.messages.at(-1).msg, 'another room');
const writer = (async () => { for (let i = 0; i < 100; i++) await post(url, room, {msg: `live ${i}`}); })();
await hub.invoke('JoinRoom', room, 0);
await writer;
await inbox.count(last + 6 + last + 101);
assertDense(inbox.messages.slice(last + 6), 1, last + 101);
assert.deepEqual(inbox.messages.slice(last + 6).slice(0, 500), await history(url, room));

assert.equal(closed, null);
await hub.stop();
console.log('ok');
