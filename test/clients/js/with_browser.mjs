// The recipes for the browser's own EventSource and for react-native-sse as a program of the tests, in Chromium. Its arguments are
// which of them, and the browser's path.
import {readFile} from 'node:fs/promises';
import {chromium} from 'playwright-core';
import {args, obey, say, settings, show} from './program.mjs';
import {send} from './post_recipe.mjs';

const [name, executablePath] = args;
const modules = {
  '/eventsource_recipe.mjs': 'eventsource_recipe.mjs',
  '/react_native_sse_recipe.mjs': 'react_native_sse_recipe.mjs',
  '/react-native-sse': 'node_modules/react-native-sse/src/EventSource.js',
};
const html = '<script type="importmap">{"imports": {"react-native-sse": "/react-native-sse"}}</script>';

const browser = await chromium.launch({executablePath, args: ['--no-sandbox', '--disable-gpu', '--no-first-run']});
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
await page.evaluate(name === 'react-native-sse' ? followWithReactNative : follow, settings);
await obey((msg, id) => send(`${settings.url}/rooms/${settings.room}/messages`, () => ({
  ...settings.token && {Authorization: `Bearer ${settings.token}`},
}), {id, msg, client_id: settings.client_id}));
await browser.close();
process.exit(0);

/** follow runs in the page. */
async function follow(settings) {
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

/** followWithReactNative runs in the page, whose XMLHttpRequest is like that of React Native. */
async function followWithReactNative(settings) {
  const {follow} = await import('/react_native_sse_recipe.mjs');
  const headers = {...settings.token && {Authorization: `Bearer ${settings.token}`}};
  const source = follow(`/rooms/${settings.room}/events?after=${settings.after}`, headers, show);
  source.addEventListener('open', () => say({ready: true}));
  source.addEventListener('error', () => say({down: true}));
}
