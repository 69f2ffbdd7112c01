/** What a page has to load to compress: little at first, the worker when it is used (C16). */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

const kilobytes = (code: string) => gzipSync(code, { level: 9 }).byteLength / 1024;

test('the page loads at most 6 KB gzipped, and nothing runs when it is loaded', async () => {
  const input = fileURLToPath(new URL('../../src/audio/index.ts', import.meta.url));
  await using bundle = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  const [{ code, imports }] = output;
  expect(imports).toEqual([]);
  expect(code).not.toContain('mediabunny');
  console.log(`audio: ${kilobytes(code).toFixed(1)} KB of page, gzipped`);
  expect(kilobytes(code)).toBeLessThan(6);
});

test('the worker is one file of at most 90 KB gzipped that names the licence of what it contains', () => {
  const code = readFileSync(new URL('../../dist/audio/worker.js', import.meta.url), 'utf8');
  console.log(`audio: ${kilobytes(code).toFixed(1)} KB of worker, gzipped`);
  expect(kilobytes(code)).toBeLessThan(90);
  expect(code).not.toMatch(/(?:^|[;}\s])import\s*[\w{*"'`]/);
  expect(code).toContain('MPL-2.0');
});
