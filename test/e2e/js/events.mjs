// An EventSource whose connection is cut: it reconnects by itself with Last-Event-ID.
// node events.mjs URL ROOM TOTAL
import EventSource from 'eventsource';
import {args, assert, assertDense, history, Inbox} from './common.mjs';

const [url, room, total, direct] = args;
const inbox = new Inbox({on() {}});
const source = new EventSource(`${url}/rooms/${room}/events?after=0`);
source.reconnectInterval = 100;
let opened = 0;
source.onopen = () => { opened++; };
source.addEventListener('message', event => {
  const message = JSON.parse(event.data);
  assert.equal(event.lastEventId, String(message.seq));
  inbox.add(message);
});
const progress = setInterval(() => console.log('seen', inbox.messages.length), 50);
await inbox.until(`${total} messages`, all => all.at(-1)?.seq >= Number(total), 45);
clearInterval(progress);
source.close();
assertDense(inbox.messages, 1, Number(total));
assert.deepEqual(inbox.messages.slice(0, 500), await history(direct, room));
console.log(`ok after ${opened} openings`);
process.exit(0); // an abandoned request may have left a socket open
