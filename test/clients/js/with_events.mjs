// The recipes for EventSource packages as a program of the tests. Its argument is the package, as in package.json.
import {createRequire} from 'node:module';
import {args, obey, say, settings, show} from './program.mjs';
import {send} from './post_recipe.mjs';

const require = createRequire(import.meta.url);
const [name] = args;
const room = `${settings.url}/rooms/${settings.room}`;
const headers = () => settings.token ? {Authorization: `Bearer ${settings.token}`} : {};
const events = `${room}/events?after=${settings.after}`;

/** standard follows with a class that is like EventSource. */
async function standard(EventSource) {
  const {follow} = await import('./eventsource_recipe.mjs');
  function Watched(url) {
    const source = new EventSource(url);
    source.addEventListener('open', () => say({ready: true}));
    source.addEventListener('error', () => say({down: true}));
    return source;
  }
  const address = () => {
    const url = new URL(`${room}/events`);
    if (settings.token) url.searchParams.set('access_token', settings.token);
    return url;
  };
  follow(Watched, address, settings.after, show);
}

/** reporting is fetch that says when a stream begins. */
const real = fetch;
function reporting() {
  globalThis.fetch = async (...request) => {
    const response = await real(...request);
    if (response.ok && !request[1].method) say({ready: true});
    return response;
  };
}

switch (name) {
  case 'event-source-polyfill':
    await standard(require(name).EventSourcePolyfill);
    break;
  case 'eventsource-1':
  case 'eventsource-2':
    await standard(require(name));
    break;
  case '@microsoft/fetch-event-source': {
    globalThis.window = globalThis; // it is made for browsers
    globalThis.document = {hidden: false, addEventListener() {}, removeEventListener() {}};
    reporting();
    (await import('./fetch_recipe.mjs')).follow(events, headers, show);
    break;
  }
  case 'eventsource-client':
    reporting();
    (await import('./eventsource_client_recipe.mjs')).follow(events, headers, show);
    break;
  default:
    await standard((await import(name)).EventSource);
}
await obey((msg, id) => send(`${room}/messages`, headers, {id, msg, client_id: settings.client_id}));
process.exit(0);
