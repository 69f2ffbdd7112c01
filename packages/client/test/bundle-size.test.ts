/** What a page has to load. */

import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

const gzipBytesMax = 15 * 1024;

test('the engine has at most 15 KB gzipped, needs nothing of Node, and does nothing when it is loaded', async () => {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('../src/index.ts', import.meta.url)),
    platform: 'browser',
    logLevel: 'silent',
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  expect(output).toHaveLength(1);
  const [{ code, imports }] = output;
  expect(imports).toEqual([]);
  expect(gzipSync(code, { level: 9 }).byteLength).toBeLessThanOrEqual(gzipBytesMax);
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
