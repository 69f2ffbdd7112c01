/** E1: the bundled command line, as it is installed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeBinary, program } from './server-process.ts';

const bundle = join(dirname(program), '..', 'dist', 'bin');

/** What of Node.js a server has loaded when it has started and ended. */
async function loadedByServer(): Promise<string[]> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-bundle-'));
  const list = join(dir, 'loaded.json');
  const tells = `process.on('exit', () => process.getBuiltinModule('fs').writeFileSync(${JSON.stringify(list)}, JSON.stringify(process.moduleLoadList)))`;
  const hook = `data:text/javascript,${encodeURIComponent(tells)}`;
  const args = ['serve', '--port', '0', '--data', join(dir, 'data'), '--no-pipeline'];
  const child = spawn(nodeBinary, ['--import', hook, join(bundle, 'main.js'), ...args], {
    env: {},
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    await once(child, 'exit');
    return JSON.parse(await readFile(list, 'utf8')) as string[];
  } finally {
    child.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  }
}

test('a server without TLS of its own loads neither TLS nor a client for HTTP', async () => {
  const loaded = await loadedByServer();
  expect(loaded).toContain('NativeModule http');
  const heavy = /^NativeModule (tls|https|http2|internal\/deps\/undici\/undici)$/;
  expect(loaded.filter((name) => heavy.test(name))).toEqual([]);
});

test('the program is ASCII: one other character, and Node.js keeps it in two bytes for each', () => {
  const files = readdirSync(bundle).filter((name) => name.endsWith('.js'));
  expect(files.length).toBeGreaterThan(20);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all that is not ASCII.
  expect(files.filter((name) => /[^\x00-\x7f]/.test(readFileSync(join(bundle, name), 'latin1')))).toEqual([]);
});
