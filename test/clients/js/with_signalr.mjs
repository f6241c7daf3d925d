// The recipe for the official SignalR client as a program of the tests. Its argument is the age of the package, as in package.json.
import {createRequire} from 'node:module';
import {args, obey, say, settings, show} from './program.mjs';
import {follow, send} from './signalr_recipe.mjs';

const require = createRequire(import.meta.url);
const [age] = args;
if (age === '1.0') { // it is made for browsers, and takes these from there
  const {XMLHttpRequest} = require('xmlhttprequest-ssl');
  globalThis.XMLHttpRequest = function () {
    const request = new XMLHttpRequest();
    const send = request.send.bind(request);
    request.send = body => send(body instanceof ArrayBuffer ? Buffer.from(body) : body);
    return request;
  };
  process.on('unhandledRejection', error => say({note: String(error)})); // a browser logs it, too; Node would end
  globalThis.WebSocket = require('ws');
  globalThis.EventSource = require('eventsource-1');
}
if (age === '5') globalThis.self = globalThis; // it takes a Node that has fetch for a browser
const {HubConnectionBuilder, HttpTransportType, LogLevel} = require(`signalr-${age}`);
const {MessagePackHubProtocol} = require(`msgpack-${age}`);

const transports = {ws: HttpTransportType.WebSockets, sse: HttpTransportType.ServerSentEvents, lp: HttpTransportType.LongPolling};
const builder = new HubConnectionBuilder()
  .withUrl(`${settings.url}/messageHub?room=-&client_id=${settings.client_id}`, {
    transport: transports[settings.transport],
    timeout: 3000, // Node's fetch sometimes does not notice that a connection has broken
    accessTokenFactory: settings.token ? () => settings.token : undefined,
  })
  .configureLogging({log: (level, text) => { if (level >= LogLevel.Information) say({note: text}); }});
if (settings.protocol === 'messagepack') builder.withHubProtocol(new MessagePackHubProtocol());
builder.withAutomaticReconnect?.({nextRetryDelayInMilliseconds: () => 500});

/** build makes a connection that reports what the harness wants to know. */
function build() {
  const hub = builder.build();
  const invoke = hub.invoke.bind(hub);
  hub.invoke = async (method, ...values) => {
    const answer = await invoke(method, ...values);
    if (method === 'JoinRoom') say({ready: true});
    return answer;
  };
  hub.onreconnecting?.(() => say({down: true}));
  hub.onclose(() => say({down: true}));
  return hub;
}

const {hub, stop} = follow({build}, settings.room, {after: settings.after}, show);
await obey((text, id) => send(hub, settings.room, text, id));
await stop();
process.exit(0);
