// Cursors with epochs: the official client with a handler for Reset, and without one.
// node resets.mjs URL TRANSPORT PROTOCOL
import {LogLevel} from '@microsoft/signalr';
import {args, assert, assertDense, connection, Inbox, limit, post, rejects} from './common.mjs';

const [url, transport, protocol] = args;
const room = `resets-${transport}-${protocol}`;
for (let i = 0; i < 10; i++) await post(url, room, {msg: `message ${i}`});
const hub = connection(`${url}/messageHub?room=`, {transport, protocol});
const inbox = new Inbox(hub);
await limit(20, 'start', hub.start());
let joined;
for (let tries = 0; tries < 200 && (joined?.last_seq ?? 0) < 10; tries++) joined = await hub.invoke('JoinRoom', room);
const {epoch} = joined;

console.log('# a cursor of the present epoch');
assert.deepEqual(await hub.invoke('JoinRoom', room, {after: 8, rev: 0, epoch}), {last_seq: 10, oldest_seq: 1, epoch});
await inbox.count(2);
assertDense(inbox.messages, 9, 10);
const page = await hub.invoke('GetMessagesSince', room, {after: 8, epoch});
assert.deepEqual(page, {messages: inbox.messages, last_seq: 10, oldest_seq: 1, epoch});

console.log('# a cursor beyond the end, in the present epoch, is an error at every door');
const beyond = /HubException: invalid: \w+: must be from 0 to the number of the newest message, 10, is 11/;
await rejects(hub.invoke('JoinRoom', room, 11), beyond);
await rejects(hub.invoke('JoinRoom', room, {after: 11, epoch}), beyond);
await rejects(hub.invoke('GetMessagesSince', room, 11), beyond);
await rejects(hub.invoke('JoinRoom', room, {after: 8, before: 9}), /HubException: invalid: after: .*before/);

console.log('# a cursor of an epoch that the store does not know is answered with a reset');
const reset = {room, reason: 'epoch', epoch, last_seq: 10, after: 0};
assert.deepEqual(await hub.invoke('JoinRoom', room, {after: 8, epoch: 'ffffffffffffffff'}), {last_seq: 10, oldest_seq: 1, epoch, reset});
await inbox.count(12);
assertDense(inbox.messages.slice(2), 1, 10);
assert.deepEqual((await hub.invoke('GetMessagesSince', room, {after: 99, epoch: 'ffffffffffffffff'}, 3)).reset, reset);
await hub.stop();

console.log('# in the hub URL the client is told before the first message');
const told = connection(`${url}/messageHub?room=${room}&after=8&epoch=ffffffffffffffff`, {transport, protocol});
const heard = new Inbox(told);
told.on('Reset', (...given) => heard.add(given));
await limit(20, 'start', told.start());
await heard.count(11);
assert.deepEqual(heard.messages[0], [reset]);
assertDense(heard.messages.slice(1), 1, 10);
await told.stop();

console.log('# a client without a handler for Reset warns once and goes on');
const warnings = [];
const logging = {log: (level, text) => level >= LogLevel.Warning && warnings.push(text)};
const deaf = connection(`${url}/messageHub?room=${room}&after=8&epoch=ffffffffffffffff`, {transport, protocol, logging});
const got = new Inbox(deaf);
let closed = null;
deaf.onclose(error => { closed = error ?? new Error('closed'); });
await limit(20, 'start', deaf.start());
await got.count(10);
await post(url, room, {msg: 'live'});
await got.count(11);
assertDense(got.messages, 1, 11);
assert.equal(closed, null);
assert.equal(warnings.length, 1, warnings.join());
assert.match(warnings[0], /reset/i);
await deaf.stop();
console.log('ok');
