/** `holdfast upload` as a process against `holdfast serve` as a process, both of which are killed in the middle. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ServerProcess } from './server-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const nodeBinary = join(root, 'node_modules', '.bin', 'node');
const program = join(root, 'packages', 'server', 'bin', 'holdfast.js');

interface Run {
  readonly child: ChildProcess;
  /** Exit code, or null when it was killed; and the events that it printed. */
  readonly ended: Promise<{ code: number | null; events: Record<string, unknown>[] }>;
  /** Events so far. */
  readonly events: Record<string, unknown>[];
}

let folder: string;
let server: ServerProcess;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-upload-'));
  server = await ServerProcess.start({ args: ['--no-pipeline'] });
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

function upload(path: string): Run {
  const args = [program, 'upload', path, '--json', '--chunk-size', '256K', '--server', server.url];
  const env = { PATH: process.env['PATH'], XDG_STATE_HOME: folder };
  const child = spawn(nodeBinary, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const events: Record<string, unknown>[] = [];
  let rest = '';
  child.stdout.on('data', (data: Buffer) => {
    const lines = (rest + data.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) events.push(JSON.parse(line) as Record<string, unknown>);
  });
  const ended = new Promise<{ code: number | null; events: Record<string, unknown>[] }>((resolve) => {
    child.once('close', (code) => resolve({ code, events }));
  });
  return { child, ended, events };
}

async function fileOf(bytes: Buffer): Promise<string> {
  const path = join(folder, 'film.mp4');
  await writeFile(path, bytes);
  return path;
}

async function receivedBytes(): Promise<number> {
  const response = await fetch(`${server.url}/v1/uploads`);
  const { items } = (await response.json()) as { items: { receivedBytes: number }[] };
  return items[0]?.receivedBytes ?? 0;
}

const completedIn = (events: Record<string, unknown>[]) => events.find(({ event }) => event === 'completed');

test('the server is killed three times and comes back each time: the same run completes, verified', async () => {
  const bytes = randomBytes(150_000_000);
  const run = upload(await fileOf(bytes));
  for (let kills = 1; kills <= 3; kills += 1) {
    await expect.poll(receivedBytes, { interval: 10, timeout: 20_000 }).toBeGreaterThan((bytes.byteLength / 5) * kills);
    await server.restart();
  }
  const { code, events } = await run.ended;
  expect(code).toBe(0);
  expect(events.filter(({ event }) => event === 'created')).toHaveLength(1);
  expect(events.some(({ event, reason }) => event === 'waiting' && reason === 'unreachable')).toBe(true);
  expect(completedIn(events)).toMatchObject({
    sha256: createHash('sha256').update(bytes).digest('hex'),
    verified: true,
  });
});

test('the client is killed: the next run goes on with what is there', async () => {
  const bytes = randomBytes(100_000_000);
  const path = await fileOf(bytes);
  const first = upload(path);
  await expect.poll(receivedBytes, { interval: 10, timeout: 20_000 }).toBeGreaterThan(bytes.byteLength / 3);
  first.child.kill('SIGKILL');
  const killed = await first.ended;
  const second = await upload(path).ended;
  expect(second.code).toBe(0);
  expect(completedIn(second.events)).toMatchObject({
    resumed: true,
    uploadId: killed.events.find(({ event }) => event === 'created')?.['uploadId'],
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
});

test('Ctrl-C ends it with 130 and the next run goes on', async () => {
  const path = await fileOf(randomBytes(100_000_000));
  const first = upload(path);
  await expect.poll(receivedBytes, { interval: 10, timeout: 20_000 }).toBeGreaterThan(10_000_000);
  first.child.kill('SIGINT');
  const { code, events } = await first.ended;
  expect(code).toBe(130);
  expect(events.at(-1)).toMatchObject({ event: 'summary', interrupted: 1 });
  const second = await upload(path).ended;
  expect(second.code).toBe(0);
  expect(completedIn(second.events)).toMatchObject({ resumed: true });
});
