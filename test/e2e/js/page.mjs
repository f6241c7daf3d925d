// The page at / in a real browser: what one person types appears at the other, hostile text is only text, and a reload
// keeps the history.
// node page.mjs URL CHROMIUM DIRECTORY
import {join} from 'node:path';
import {browse, picture} from './browser.mjs';
import {args, assert, marked, post} from './common.mjs';

const [url, executablePath, directory] = args;
const hostile = `<img src=x onerror="window.harmed=1"><script>window.harmed=2</script> javascript:alert(3) "'\`\${1}`;
const problems = [];

/** Opens the page as a person of that name, with a profile of their own. */
async function person(name) {
  const {page, context} = await browse(executablePath, join(directory, `profile-${name}`), text => problems.push(`${name}: ${text}`));
  page.on('request', request => { if (!request.url().startsWith(url) && !request.url().startsWith('data:')) problems.push(`${name} fetched ${request.url()}`); });
  await page.goto(url);
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Your name').fill(name);
  await dialog.getByRole('button').click();
  return {
    page, context,
    type: async text => {
      await page.getByRole('textbox', {name: 'Message'}).fill(text);
      await page.getByRole('textbox', {name: 'Message'}).press('Enter');
    },
    sees: text => page.getByRole('log').getByText(text, {exact: true}).first().waitFor(),
    texts: () => page.getByRole('log').locator('.text').allTextContents(),
  };
}

const [ann, bob] = [await person('Ann'), await person('Bob')];
const said = [`Hello, Bob, ${marked}`, 'שלום 👋 مرحبا', hostile, 'one\u2028two'];
await ann.type(said[0]);
await bob.sees(said[0]);
await bob.type(said[1]);
await ann.sees(said[1]);
await ann.type(said[2]);
await bob.sees(said[2]);
await post(url, 'lobby', {msg: said[3], client_id: hostile.slice(0, 60)});
for (const p of [ann, bob]) {
  await p.page.waitForFunction(n => document.querySelectorAll('[role=log] .text').length === n, said.length);
  assert.deepEqual(await p.texts(), said);
}
await picture(ann.page, directory, 'page');
await ann.page.reload();
await ann.sees(said[0]);
await ann.page.waitForFunction(n => document.querySelectorAll('[role=log] .text').length === n, said.length);
assert.deepEqual(await ann.texts(), said, 'after a reload');
await ann.type('still here');
await bob.sees('still here');
for (const p of [ann, bob]) {
  assert.equal(await p.page.evaluate(() => window.harmed), undefined);
  await p.context.close();
}
assert.deepEqual(problems, []);
console.log('ok');
