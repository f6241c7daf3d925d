// A client whose connection is cut: it reconnects by itself and joins with the last number that it has seen.
// node reconnect.mjs URL TRANSPORT PROTOCOL ROOM TOTAL
// It prints "seen N" meanwhile, and ends when it has seen TOTAL messages, each once and in order.
import {args, assertDense, connection, Inbox, limit} from './common.mjs';

const [url, transport, protocol, room, total] = args;
// timeout: when a connection breaks during a request, Node's fetch sometimes neither fails nor has a socket left. By
// default the client waits 100 s for it.
const options = {timeout: 3000, retry: {nextRetryDelayInMilliseconds: () => 100}};
const hub = connection(`${url}/messageHub?room=`, {transport, protocol, ...options});
const inbox = new Inbox(hub);
let reconnects = 0;
const join = () => hub.invoke('JoinRoom', room, inbox.messages.at(-1)?.seq ?? 0).catch(() => {}); // if it is cut again, onreconnected is called again
hub.onreconnected(() => { reconnects++; return join(); });
hub.onclose(error => { console.error('closed permanently:', error); process.exit(1); });
for (;;) {
  try {
    await limit(20, 'start', hub.start());
    break;
  } catch (error) {
    console.log('start:', error.message);
  }
}
await join();
const progress = setInterval(() => console.log('seen', inbox.messages.length), 50);
await inbox.until(`${total} messages`, all => all.at(-1)?.seq >= Number(total), 45);
clearInterval(progress);
assertDense(inbox.messages, 1, Number(total));
console.log(`ok after ${reconnects} reconnects`);
process.exit(0);
