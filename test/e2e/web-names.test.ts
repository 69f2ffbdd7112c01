/** Names of files that are made to look like others, on the web page in a real Chromium. */
import { expect, test } from 'vitest';
import { ServerProcess } from './server-process.ts';
import { launchChromium, openTab } from './web-browser.ts';

const unseen = /[\p{Bidi_Control}\u200b]/u;

test('a name that would be read as another one is shown as it is: in the list, the library, the title and the file’s own page', async () => {
  await using server = await ServerProcess.start({ env: { HOLDFAST_PIPELINE: 'false', HOLDFAST_RESERVE_MB: '0' } });
  const create = { filename: 'later\u202e4pm.exe', size: 10, metadata: { lastModified: '1' } };
  const headers = { 'content-type': 'application/json' };
  await fetch(`${server.url}/v1/uploads`, { method: 'POST', headers, body: JSON.stringify(create) });
  await using browser = await launchChromium();
  await using tab = await openTab(browser, server.url);
  const { page } = tab;
  await page.getByRole('progressbar', { name: 'Stored of later�4pm.exe' }).waitFor();
  const file = { name: 'invoice\u202efdp\u200b.exe', mimeType: 'application/octet-stream', buffer: Buffer.from('MZ') };
  await page.locator('input[type=file]').setInputFiles(file);
  const card = page.locator('.card-name a');
  await card.getByText('invoice�fdp�.exe').waitFor();
  await page.locator('.upload-name a').getByText('invoice�fdp�.exe').waitFor();
  expect(await page.locator('main').innerHTML()).not.toMatch(unseen);
  await card.click();
  await page.getByRole('heading', { level: 1, name: 'invoice�fdp�.exe' }).waitFor();
  expect(await page.title()).toBe('invoice�fdp�.exe · Holdfast');
  expect(await page.locator('main').innerHTML()).not.toMatch(unseen);
});
