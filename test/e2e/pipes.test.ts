/** Pipes: `holdfast … | head -1`, where the exit code says whether the work was done; and Ctrl-C while nothing comes. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UploadList } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../packages/server/src/testing/free-port.ts';
import { environment, holdfast, nodeBinary, program, ServerProcess } from './server-process.ts';

let dir: string;
let server: ServerProcess;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-pipe-'));
  server = await ServerProcess.start({ args: ['--no-pipeline'], env: { HOLDFAST_RESERVE_MB: '0' } });
});
afterAll(async () => {
  await server?.close();
  await rm(dir, { recursive: true, force: true });
});

/** Reads the first that comes, or nothing at all, and closes standard output. */
async function readBriefly(args: readonly string[], reads: 'first' | 'nothing') {
  const env = environment({ HOLDFAST_SERVER: server.url, XDG_STATE_HOME: join(dir, 'state') });
  const child = spawn(nodeBinary, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  if (reads === 'nothing') child.stdout.destroy();
  else child.stdout.once('data', () => child.stdout.destroy());
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  return { code, stderr };
}

test('an upload that is not through stops in order and says so', async () => {
  const path = join(dir, 'large.bin');
  await writeFile(path, '');
  await truncate(path, 300_000_000);
  const args = ['upload', path, '--json', '--chunk-size', '1M'];
  const ran = await readBriefly(args, 'first');
  expect(ran).toMatchObject({ code: 130, stderr: expect.stringContaining('1 file is not finished') });
  const { items } = (await (await fetch(`${server.url}/v1/uploads`)).json()) as UploadList;
  expect(items.map(({ state }) => state)).not.toContain('completed');
});

test('what has done its work ends with what became of it', async () => {
  expect(await readBriefly(['status'], 'nothing')).toEqual({ code: 0, stderr: '' });
  expect(await readBriefly(['--help'], 'nothing')).toEqual({ code: 0, stderr: '' });
  expect(await readBriefly(['doctor', '--data', '/etc/hostname'], 'nothing')).toMatchObject({ code: 1 });
  expect(await holdfast(['doctor', '--data', '/etc/hostname'])).toMatchObject({ code: 1 });
});

/** Standard output on a full disk. */
function toFullDisk(args: readonly string[]) {
  const env = environment({ HOLDFAST_SERVER: server.url, XDG_STATE_HOME: join(dir, 'state') });
  const full = openSync('/dev/full', 'w');
  const child = spawn(nodeBinary, [program, ...args], { env, stdio: ['ignore', full, 'pipe'] });
  closeSync(full);
  const ran = { stderr: '', child, exit: new Promise((resolve) => child.once('exit', resolve)) };
  child.stderr?.on('data', (data: Buffer) => {
    ran.stderr += data.toString();
  });
  return ran;
}

test('output that cannot be written is told, and ends a command as failed', async () => {
  const path = join(dir, 'film.bin');
  await writeFile(path, '');
  await truncate(path, 50_000_000);
  for (const args of [['status'], ['doctor', '--data', dir], ['upload', path, '--json', '--chunk-size', '1M']]) {
    const ran = toFullDisk(args);
    expect({ args, code: await ran.exit }).toEqual({ args, code: 1 });
    expect(ran.stderr).toContain('holdfast: the output cannot be written: ENOSPC');
    expect(ran.stderr).not.toContain(' at ');
  }
});

test('a server whose log is on a full disk serves, and stops in order', async () => {
  const port = await freePort();
  const ran = toFullDisk(['serve', '--no-pipeline', '--port', String(port), '--data', join(dir, 'full')]);
  try {
    await expect.poll(() => ran.stderr, { timeout: 20_000 }).toContain('is ready');
    for (let i = 0; i < 3; i += 1) {
      const signal = AbortSignal.timeout(3_000);
      expect((await fetch(`http://127.0.0.1:${port}/v1/uploads`, { signal })).status).toBe(200);
    }
    ran.child.kill('SIGTERM');
    expect(await Promise.race([ran.exit, sleep(10_000, 'still there')])).toBe(0);
  } finally {
    ran.child.kill('SIGKILL');
  }
});

test('Ctrl-C ends an import that waits for its list', async () => {
  const args = [program, 'import-processed', '-', '--data', join(dir, 'import')];
  const child = spawn(nodeBinary, args, { env: environment({}), stdio: ['pipe', 'ignore', 'pipe'] });
  let stderr = '';
  let ended = false;
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  const exit = new Promise((resolve) => child.once('exit', resolve)).finally(() => {
    ended = true;
  });
  await expect.poll(() => stderr, { timeout: 20_000 }).toContain('Made the data directory');
  await sleep(300);
  child.kill('SIGINT');
  await sleep(3_000);
  const late = !ended;
  child.stdin.end();
  expect(await exit).toBe(130);
  expect(late, 'it waited for the end of the list').toBe(false);
  expect(stderr).toContain('Interrupted; what was imported stays.');
});
