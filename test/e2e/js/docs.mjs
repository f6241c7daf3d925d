// The API description at /docs in a real browser: it is readable, fetches nothing from other servers, and complies with
// its own content security policy.
// node docs.mjs URL CHROMIUM DIRECTORY
import {join} from 'node:path';
import {browse, picture} from './browser.mjs';
import {args, assert} from './common.mjs';

const [url, executablePath, directory] = args;
const problems = [];
const {page, context} = await browse(executablePath, join(directory, 'profile'), text => problems.push(text));
page.on('request', request => { if (!request.url().startsWith(url)) problems.push(`fetched ${request.url()}`); });
await page.goto(`${url}/docs`);
await page.getByRole('heading', {name: 'Restante API'}).waitFor();
await picture(page, directory, 'docs');
await context.close();
assert.deepEqual(problems, []);
console.log('ok');
