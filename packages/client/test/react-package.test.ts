/** What `@holdfast/client/react` weighs, what it does where there is no browser, and whom its types suit. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { rolldown } from 'rolldown';
import { describe, expect, test } from 'vitest';
import { ChunkUploader, UploadProvider, useUploads } from '../src/react/index.ts';
import { es } from '../src/react/labels/es.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const source = join(root, 'packages/client/src');
const gzipBytesMax = 10 * 1024;

describe('C13 at most 10 KB gzipped, without React, the engine and the recorder, which are entries of their own', () => {
  test.each([
    ['what a page with an uploader loads', `export { ChunkUploader, UploadProvider } from '${source}/react/index.ts';`],
    ['all of it', `export * from '${source}/react/index.ts';`],
  ])('%s', async (what, entry) => {
    const own = [`${source}/react/`, `${source}/watchable.ts`];
    await using build = await rolldown({
      input: 'entry',
      platform: 'browser',
      logLevel: 'silent',
      plugins: [
        {
          name: 'entry',
          resolveId: (id) => (id === 'entry' ? id : null),
          load: (id) => (id === 'entry' ? entry : null),
        },
      ],
      external: (id, importer, resolved) => {
        if (importer === undefined || importer === 'entry') return false;
        const path = resolved || !id.startsWith('.') ? id : join(importer, '..', id);
        return !own.some((place) => path.startsWith(place));
      },
    });
    const { output } = await build.generate({ format: 'esm', minify: true });
    const [{ code, imports }] = output;
    const bytes = gzipSync(code, { level: 9 }).byteLength;
    console.info(`@holdfast/client/react, ${what}: ${bytes} bytes gzipped`);
    expect(bytes).toBeLessThanOrEqual(gzipBytesMax);
    const foreign = imports.filter(
      (name) => !/^(?:react|react\/jsx-runtime)$/.test(name) && !/packages.client.src/.test(name),
    );
    expect(foreign).toEqual([]);
  });
});

describe('on a server', () => {
  const List = () => createElement('p', null, `${useUploads().uploads.length} uploads`);

  test('C13 renders what a browser shows first, without window', () => {
    expect(typeof globalThis.document).toBe('undefined');
    const uploader = createElement(ChunkUploader, { audioBlob: new Blob(['x']), enableCompression: true });
    const html = renderToString(
      createElement(UploadProvider, { endpoint: '', labels: es }, uploader, createElement(List)),
    );
    expect(html).toContain('Elegir un archivo');
    expect(html).toContain('aria-live="polite"');
    expect(html).toContain('0 uploads');
  });

  test('says what is missing instead of failing later', () => {
    const missing = /pass `client` or `endpoint`, or wrap it in <UploadProvider>/;
    expect(() => renderToString(createElement(ChunkUploader))).toThrow(missing);
    expect(() => renderToString(createElement(List))).toThrow(/needs an <UploadProvider>/);
  });
});

test('C13 the sources and the examples of the documentation type-check with the types of React 18 and 19', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-react-types-'));
  try {
    const examples = await documentedExamples(['react.md', 'recorder.md']);
    expect(examples.length).toBeGreaterThan(4);
    await Promise.all(examples.map((code, index) => writeFile(join(folder, `example-${index}.tsx`), code)));
    const checks = await Promise.all([check(folder, 18), check(folder, 19)]);
    expect(checks).toEqual(['', '']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** Fenced `tsx` blocks, each a module of its own. */
async function documentedExamples(names: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(names.map((name) => readFile(join(root, 'docs', name), 'utf8')));
  return texts.flatMap((text) =>
    [...text.matchAll(/```tsx\n([\s\S]*?)```/g)].map(([, code = '']) => `${code}\nexport {};\n`),
  );
}

/** What the compiler says; empty when it is content. */
async function check(folder: string, react: 18 | 19): Promise<string> {
  const types = join(root, 'node_modules', react === 18 ? 'types-react-18' : '@types/react');
  const config = {
    extends: join(root, 'packages/client/tsconfig.json'),
    compilerOptions: {
      ...{
        noEmit: true,
        composite: false,
        declaration: false,
        incremental: false,
        rewriteRelativeImportExtensions: false,
      },
      ...{ allowImportingTsExtensions: true, rootDir: '/', tsBuildInfoFile: null, outDir: null },
      ...{ module: 'ESNext', moduleResolution: 'bundler', typeRoots: [join(root, 'node_modules/@types')] },
      paths: {
        react: [join(types, 'index.d.ts')],
        'react/jsx-runtime': [join(types, 'jsx-runtime.d.ts')],
        '@holdfast/protocol': [join(root, 'packages/protocol/src/index.ts')],
        '@holdfast/client': [join(source, 'index.ts')],
        '@holdfast/client/queue': [join(source, 'queue/index.ts')],
        '@holdfast/client/recorder': [join(source, 'recorder/index.ts')],
        '@holdfast/client/react': [join(source, 'react/index.ts')],
        '@holdfast/client/react/labels/*': [join(source, 'react/labels/*.ts')],
        '@holdfast/client/react/styles.css': [join(folder, 'styles.d.ts')],
        typebox: [join(root, 'node_modules/typebox')],
        idb: [join(root, 'node_modules/idb')],
        mediabunny: [join(root, 'node_modules/mediabunny')],
      },
    },
    include: [join(source, 'react'), join(source, 'recorder'), `${folder}/*.tsx`],
    exclude: [join(source, '**/*.test.*')],
    references: [],
  };
  const path = join(folder, `tsconfig.${react}.json`);
  await writeFile(path, JSON.stringify(config));
  await writeFile(join(folder, 'styles.d.ts'), 'export {};');
  return await run(join(root, 'node_modules/.bin/tsc'), ['-p', path]).then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  );
}

test('the package is one that bundlers and Node understand', async () => {
  const pkgDir = join(root, 'packages/client');
  const { messages, pkg } = await publint({ pkgDir, strict: true });
  expect(messages.map((message) => formatMessage(message, pkg as object, { color: false }))).toEqual([]);
});
