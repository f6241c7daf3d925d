// Recipes as a program of the tests, in Chromium. Its arguments are whose recipe ("EventSource", the browser's own,
// "react-native-sse", or "signalr", the newest), and the browser's path.
import {readFile} from 'node:fs/promises';
import {chromium} from 'playwright-core';
import {args, obey, say, settings, show} from './program.mjs';

const [name, executablePath] = args;
const modules = {
  '/eventsource_recipe.mjs': 'eventsource_recipe.mjs',
  '/post_recipe.mjs': 'post_recipe.mjs',
  '/signalr_recipe.mjs': 'signalr_recipe.mjs',
  '/react_native_sse_recipe.mjs': 'react_native_sse_recipe.mjs',
  '/react-native-sse': 'node_modules/react-native-sse/src/EventSource.js',
};
const html = '<script type="importmap">{"imports": {"react-native-sse": "/react-native-sse"}}</script>';

const browser = await chromium.launch({executablePath, args: [
  '--no-sandbox', '--disable-gpu', '--no-first-run',
  '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets', // the page below comes from no network
]});
const page = await browser.newPage();
page.on('pageerror', error => say({note: String(error)}));
await page.route(`${settings.url}/page`, route => route.fulfill({contentType: 'text/html', body: html}));
for (const [path, file] of Object.entries(modules)) {
  await page.route(settings.url + path, async route => route.fulfill({
    contentType: 'text/javascript', body: await readFile(new URL(file, import.meta.url), 'utf8'),
  }));
}
await page.exposeFunction('say', say);
await page.exposeFunction('show', show);
await page.goto(`${settings.url}/page`);
await page.addScriptTag({path: new URL('node_modules/signalr-10/dist/browser/signalr.js', import.meta.url).pathname});
await page.addScriptTag({path: new URL('node_modules/msgpack-10/dist/browser/signalr-protocol-msgpack.js', import.meta.url).pathname});
await page.evaluate(usePost, settings);
await page.evaluate({EventSource: followWithEventSource, 'react-native-sse': followWithReactNative, signalr: connect}[name], settings);
await obey((text, id) => page.evaluate(([text, id]) => send(text, id), [text, id]));
await browser.close();
process.exit(0);

/** followWithEventSource runs in the page, as do those below. */
async function followWithEventSource(settings) {
  const {follow} = await import('/eventsource_recipe.mjs');
  function Watched(url) {
    const source = new EventSource(url);
    source.addEventListener('open', () => say({ready: true}));
    source.addEventListener('error', () => say({down: true}));
    return source;
  }
  const address = () => {
    const url = new URL(`/rooms/${settings.room}/events`, location);
    if (settings.token) url.searchParams.set('access_token', settings.token);
    return url;
  };
  follow(Watched, address, settings.after, show);
}

/** followWithReactNative has the XMLHttpRequest of the browser, which is like that of React Native. */
async function followWithReactNative(settings) {
  const {follow} = await import('/react_native_sse_recipe.mjs');
  const headers = {...settings.token && {Authorization: `Bearer ${settings.token}`}};
  const source = follow(`/rooms/${settings.room}/events?after=${settings.after}`, headers, show);
  source.addEventListener('open', () => say({ready: true}));
  source.addEventListener('error', () => say({down: true}));
}

/** usePost lets the page send by POST. */
async function usePost({url, room, client_id, token}) {
  const {send} = await import('/post_recipe.mjs');
  const headers = () => ({...token && {Authorization: `Bearer ${token}`}});
  window.send = (msg, id) => send(`${url}/rooms/${room}/messages`, headers, {id, msg, client_id});
}

/** connect follows and sends over the hub. */
async function connect({url, room, after, transport, protocol, client_id, token}) {
  const {follow, send} = await import('/signalr_recipe.mjs');
  const {WebSockets, ServerSentEvents, LongPolling} = signalR.HttpTransportType;
  const builder = new signalR.HubConnectionBuilder()
    .withUrl(`${url}/messageHub?room=-&client_id=${client_id}`, {
      transport: {ws: WebSockets, sse: ServerSentEvents, lp: LongPolling}[transport], accessTokenFactory: () => token,
    })
    .withAutomaticReconnect({nextRetryDelayInMilliseconds: () => 500})
    .configureLogging({log: (level, text) => { if (level >= signalR.LogLevel.Information) say({note: text}); }});
  if (protocol === 'messagepack') builder.withHubProtocol(new signalR.protocols.msgpack.MessagePackHubProtocol());
  const {hub} = follow(builder, room, {after}, show);
  window.send = (text, id) => send(hub, room, text, id);
  say({ready: true});
}
