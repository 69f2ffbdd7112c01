/** What `npm i` brings: the packed files are enough to run the server, send a file and import every entry, in a project that is not this one. */
import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../packages/server/src/testing/free-port.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const workspaces = { holdfast: 'server', '@holdfast/client': 'client', '@holdfast/protocol': 'protocol' };
const node = join(root, 'node_modules/.bin/node');

let project: string;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'holdfast-packed-'));
  const modules = join(project, 'node_modules');
  await mkdir(join(modules, '@holdfast'), { recursive: true });
  for (const [name, folder] of Object.entries(workspaces)) {
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', project], {
      cwd: join(root, 'packages', folder),
    });
    const [packed] = JSON.parse(stdout) as { filename: string }[];
    await mkdir(join(modules, name), { recursive: true });
    await run('tar', ['xzf', join(project, packed?.filename ?? ''), '-C', join(modules, name), '--strip-components=1']);
  }
  // What the registry would bring along.
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (name.startsWith('.') || name === 'holdfast' || name === '@holdfast') continue;
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  await writeFile(join(project, 'package.json'), '{ "type": "module", "private": true }');
});
afterAll(() => rm(project, { recursive: true, force: true }));

async function script(name: string, text: string): Promise<string> {
  await writeFile(join(project, name), text);
  const { stdout } = await run(node, [name], { cwd: project, timeout: 60_000 });
  return stdout;
}

test('every entry of the packages can be imported', async () => {
  const imports: string[] = [];
  for (const [name, folder] of Object.entries(workspaces)) {
    const { exports } = JSON.parse(await readFile(join(root, 'packages', folder, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>;
    };
    for (const entry of Object.keys(exports))
      if (!/\.(json|css)$|worker/.test(entry)) imports.push(`${name}${entry.slice(1)}`);
  }
  const lines = imports.map(
    (name) => `console.log(${JSON.stringify(name)}, Object.keys(await import(${JSON.stringify(name)})).length > 0);`,
  );
  const said = await script('imports.js', lines.join('\n'));
  expect(said.trim().split('\n').sort()).toEqual(imports.map((name) => `${name} true`).sort());
});

test('E: mounted in a program of one’s own: a file arrives, with the page beside it', async () => {
  const bytes = randomBytes(300_000);
  await writeFile(join(project, 'talk.mp4'), bytes);
  const said = await script(
    'embed.js',
    `import { openAsBlob } from 'node:fs';
     import { pino } from 'pino';
     import { loadConfig, openNode } from 'holdfast';
     import { createUploadClient } from '@holdfast/client';
     import { nodeTransport } from '@holdfast/client/node';
     const config = loadConfig({ env: {}, flags: { dataDir: './data', port: 0, reserveMb: 0, pipeline: false } });
     const node = await openNode({ config, log: pino({ level: 'silent' }) });
     const url = await node.http.app.listen({ host: '127.0.0.1', port: 0 });
     const page = await (await fetch(url)).text();
     const [file, transport] = [await openAsBlob('talk.mp4'), nodeTransport()];
     const lost = await createUploadClient({ endpoint: url }).add(file, { filename: 'talk.mp4' }).done.catch((error) => error);
     const done = await createUploadClient({ endpoint: url, transport }).add(file, { filename: 'talk.mp4' }).done;
     console.log(JSON.stringify({ page: page.includes('<div id="root">'), lost: lost.message, done }));
     transport.close();
     await node.close();`,
  );
  const { page, lost, done } = JSON.parse(said) as { page: boolean; lost: string; done: unknown };
  expect(page).toBe(true);
  expect(lost, 'whoever forgets the transport is told so').toContain('nodeTransport()');
  expect(JSON.stringify(done)).toContain(createHash('sha256').update(bytes).digest('hex'));
});

test('E: the program of docs/embedding.md takes an upload, answers its own routes, and ends when it is told to', async () => {
  const document = await readFile(join(root, 'docs/embedding.md'), 'utf8');
  await writeFile(join(project, 'program.js'), /```js\n([^`]*?)```/.exec(document)?.[1] ?? '');
  const port = String(await freePort());
  const program = spawn(node, ['program.js'], {
    cwd: project,
    env: { PATH: process.env['PATH'], PORT: port, HOLDFAST_PIPELINE: 'false', HOLDFAST_RESERVE_MB: '0' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(program, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const text = async (path: string) =>
    await fetch(url + path).then(
      (answer) => answer.text(),
      () => '',
    );
  await expect.poll(() => text('/'), { timeout: 30_000 }).toBe('mine');
  expect(await text('/uploads/')).toContain('<div id="root">');
  const created = await fetch(`${url}/uploads/v1/uploads`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{ "filename": "a.bin", "size": 0 }',
  });
  expect(created.status).toBe(201);
  expect(created.headers.get('location')).toMatch(/^\/uploads\/v1\/uploads\//);
  program.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

test('a program in TypeScript is checked with the types of every package, and with those that they name', async () => {
  await writeFile(
    join(project, 'typed.ts'),
    `import { createServer } from 'node:http';
     import { createUploadClient } from '@holdfast/client';
     import { autoCompress } from '@holdfast/client/audio';
     import { fileSource, nodeTransport } from '@holdfast/client/node';
     import { UploadQueueManager } from '@holdfast/client/queue';
     import { ChunkUploader } from '@holdfast/client/react';
     import { createRecorder } from '@holdfast/client/recorder';
     import type { Upload } from '@holdfast/protocol';
     import { type AuthHook, loadConfig, openNode } from 'holdfast';
     const authenticate: AuthHook = async ({ request }) => (request.headers.cookie ? { principal: 'ana' } : null);
     const node = await openNode({ config: loadConfig({ env: process.env, flags: { basePath: '/uploads' } }), authenticate });
     createServer(node.http.handle).listen(3000);
     const client = createUploadClient({ endpoint: '', transport: nodeTransport() });
     export const done: Promise<{ assetId: string }> = client.add(await fileSource('film.mp4')).done;
     // @ts-expect-error
     export const wrong: Upload['size'] = 'much';
     export { autoCompress, ChunkUploader, createRecorder, UploadQueueManager };`,
  );
  const options = [
    '--strict',
    '--noEmit',
    '--target',
    'es2023',
    '--lib',
    'es2024,dom,dom.iterable,esnext',
    '--jsx',
    'react-jsx',
  ];
  for (const resolution of ['nodenext', 'bundler']) {
    const kind = ['--module', resolution === 'bundler' ? 'esnext' : resolution, '--moduleResolution', resolution];
    const tsc = [join(root, 'node_modules/.bin/tsc'), ...options, ...kind, '--types', 'node', 'typed.ts'];
    const said = await run(node, tsc, { cwd: project, timeout: 60_000 }).catch((error) => error);
    expect(said.stdout).toBe('');
  }
});

test('E: an older Node.js, which the native packages would crash, is told which one it takes', async () => {
  const said = await script(
    'old.js',
    `import { loadConfig, openNode } from 'holdfast';
     Object.defineProperty(process.versions, 'node', { value: '20.20.2' });
     const opened = openNode({ config: loadConfig({ env: {}, flags: { dataDir: './old' } }) });
     console.log(await opened.then(() => 'opened', (error) => error.code + ': ' + error.message));`,
  );
  expect(said).toBe('unavailable: Holdfast needs Node.js 22.14 or newer; this is 20.20.2.\n');
});

test('the command line of the package says its version', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'packages/server/package.json'), 'utf8')) as {
    version: string;
  };
  const { stdout } = await run(node, [join(project, 'node_modules/holdfast/bin/holdfast.js'), '--version']);
  expect(stdout.trim()).toBe(version);
});
