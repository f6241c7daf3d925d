// The page at / of a server with authentication: it asks for a token, says who one is, asks again when the token has
// expired, takes one from its address, and says in words what it is refused. Neither it nor /docs breaks the policy that
// they come with.
// node page_token.mjs URL CHROMIUM DIRECTORY SECRET
import {join} from 'node:path';
import {browse, picture} from './browser.mjs';
import {args, assert} from './common.mjs';
import {mint} from './token.mjs';

const [url, executablePath, directory, secret] = args;
const problems = [];
const {page, context} = await browse(executablePath, join(directory, 'profile'), text => {
  if (!/status of 40[13]/.test(text)) problems.push(text); // the browser's own line about an answer that is expected here
});

const token = (sub, rooms, seconds) => mint(secret, {sub, rooms}, seconds).text;
const state = wanted => page.waitForFunction(s => document.querySelector('#link').dataset.state === s, wanted);
const asked = pattern => page.waitForFunction(p => document.querySelector('#gate').open && new RegExp(p).test(document.querySelector('#why').textContent), pattern);
const who = () => page.locator('#me').textContent();
const mine = () => page.locator('#log .mine .text').allTextContents();

async function enter(text) {
  await page.getByLabel('A token').fill(text);
  await page.getByRole('button', {name: 'Enter'}).click();
}

async function type(text) {
  await page.getByRole('textbox', {name: 'Message'}).fill(text);
  await page.getByRole('textbox', {name: 'Message'}).press('Enter');
}

await page.goto(url);
await asked('who you are');
await picture(page, directory, 'page-token');
await enter('nonsense');
await asked('the token is not valid');
await enter(token('Zoë', ['lobby'], 6));
await state('live');
assert.equal(await who(), 'Zoë');
await type('before');
await asked('the token has expired');
await enter(token('Zoë', ['lobby'], 60));
await state('live');
await type('after');
await page.getByRole('log').getByText('after').waitFor();
assert.deepEqual(await mine(), ['before', 'after']);

await page.goto(`${url}/#token=${token('Bob', ['lobby', 'team-*'], 60)}`); // the same page but for its fragment
await page.waitForFunction(() => document.querySelector('#me').textContent === 'Bob');
await state('live');
assert.equal(page.url(), `${url}/`, 'the token stays in the address');
assert.deepEqual(await mine(), []);
await page.goto(`${url}/?room=other`);
await state('away');
assert.match(await page.locator('#link').textContent(), /^You may not do this: .*not for this room/);

await page.goto(`${url}/docs`);
await page.getByRole('heading', {name: 'Restante API'}).waitFor();
await picture(page, directory, 'docs');
await context.close();
assert.deepEqual(problems, []);
console.log('ok');
