// A client that asks for stateful reconnect, whose connections are cut: node cuts.mjs HUB PROTOCOL [PREFIX]. It prints "ready", sends
// until a line comes from standard input, and checks that its rooms came complete, once and in order, without a reconnect.
import {createInterface} from 'node:readline';
import {HubConnectionBuilder, HttpTransportType, LogLevel} from '@microsoft/signalr';
import {args, assert, limit, protocols} from './common.mjs';

const [url, protocol, prefix = ''] = args; // the names of its rooms begin with the prefix
const rooms = ['a', 'b', 'c', 'd'].map(room => prefix + room);
const seqs = Object.fromEntries(rooms.map(room => [room, []]));
const sent = Object.fromEntries(rooms.map(room => [room, 0]));

const hub = new HubConnectionBuilder()
  .withUrl(`${url}/messageHub?${rooms.map(room => `room=${room}`).join('&')}&client_id=cut`, {transport: HttpTransportType.WebSockets})
  .withHubProtocol(protocols[protocol]())
  .withStatefulReconnect()
  .configureLogging(LogLevel.None)
  .build();
let closed = false;
hub.onclose(error => { closed = error ?? true; });
hub.on('ReceiveMessage', m => { seqs[m.room].push(m.seq); });
await hub.start();
const id = hub.connectionId;
console.log('ready');

let stopping = false;
createInterface({input: process.stdin}).once('line', () => { stopping = true; });
const answers = [];
const sender = async room => {
  while (!stopping) {
    const call = hub.invoke('SendMessage', room, `${room} ${sent[room]++}`);
    answers.push(call);
    await call;
    await new Promise(resolve => setTimeout(resolve, 3));
  }
};
await Promise.all(rooms.flatMap(room => [sender(room), sender(room)]));
await Promise.all(answers);

await limit(20, 'all messages', (async () => {
  while (rooms.some(room => seqs[room].length < sent[room])) await new Promise(resolve => setTimeout(resolve, 20));
})());
const {last_seq: last} = await hub.invoke('GetMessagesSince', rooms[0], 0, 1);
assert.equal(last, sent[rooms[0]], 'what was sent is stored once');
for (const room of rooms) assert.deepEqual(seqs[room], Array.from({length: sent[room]}, (_, n) => n + 1), room);
assert.equal(closed, false, 'the connection has never been lost');
assert.equal(hub.connectionId, id);
console.log(`${answers.length} calls and as many messages`);
await hub.stop();
process.exit(0);
