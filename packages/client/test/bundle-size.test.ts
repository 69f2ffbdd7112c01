/** What a page has to load. */

import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

const kibibyte = 1024;
const gzipBytesMax = 15 * kibibyte;

async function bundled(entry: string): Promise<string> {
  const input = fileURLToPath(new URL(`../src/${entry}`, import.meta.url));
  await using bundle = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  expect(output).toHaveLength(1);
  expect(output[0].imports).toEqual([]);
  return output[0].code;
}

test('C14: the queue with the engine in it has at most 26 KB gzipped, the worker 3', async () => {
  expect(gzipSync(await bundled('queue/index.ts'), { level: 9 }).byteLength).toBeLessThanOrEqual(26 * kibibyte);
  expect(gzipSync(await bundled('worker/index.ts'), { level: 9 }).byteLength).toBeLessThanOrEqual(3 * kibibyte);
});

test('the engine has at most 15 KB gzipped, needs nothing of Node, and does nothing when it is loaded', async () => {
  expect(gzipSync(await bundled('index.ts'), { level: 9 }).byteLength).toBeLessThanOrEqual(gzipBytesMax);
  const unused = await rolldown({ input: 'entry', logLevel: 'silent', plugins: [importer] });
  const { output: rest } = await unused.generate({ format: 'esm', minify: true });
  await unused.close();
  expect(rest[0].code.trim().length).toBeLessThan(100);
});

/** A page that loads the engine and uses nothing of it. */
const importer = {
  name: 'importer',
  resolveId: (id: string) => (id === 'entry' ? id : null),
  load: (id: string) =>
    id === 'entry' ? `import '${fileURLToPath(new URL('../src/index.ts', import.meta.url))}'` : null,
};
