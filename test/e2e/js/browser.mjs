// A real browser for the scripts that test pages.
import {join} from 'node:path';
import {chromium} from 'playwright-core';

const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Opens an empty page with a new profile; error is called with each error of its console or of the page itself. */
export async function browse(executablePath, profile, error) {
  const context = await chromium.launchPersistentContext(profile, {executablePath, args: flags, viewport: {width: 800, height: 700}});
  const page = context.pages()[0] ?? await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', e => error(String(e)));
  page.on('console', message => { if (message.type() === 'error') error(message.text()); });
  return {page, context};
}

/** Takes a picture of the page. */
export const picture = (page, directory, name) => page.screenshot({path: join(directory, `${name}.png`)});
