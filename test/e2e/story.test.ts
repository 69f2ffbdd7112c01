/**
 * The main job as a person does it: one command, a real film, the server killed twice on the way. The file arrives whole, little is sent
 * again, the shots are found where the cuts are (A1, A4, B6, C18, D2, D3, D4).
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Artifact, Run, UploadList } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Film, makeFilm, scoreCuts } from './film.ts';
import { ServerProcess } from './server-process.ts';

const root = new URL('../..', import.meta.url).pathname;
const chunkBytes = 1024 * 1024;
const connections = 4;

let dir: string;
let film: Film;
let server: ServerProcess;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-story-'));
  film = await makeFilm({ dir, size: '1280x720', shots: [6, 4, 7, 5, 6, 4, 5, 6, 7, 5], bitrate: '32M' });
  server = await ServerProcess.start({ args: ['--log-level', 'debug'] });
}, 180_000);

afterAll(async () => {
  await server?.close();
  await rm(dir, { recursive: true, force: true });
});

test('a film of over 200 MB arrives whole although the server is killed twice, and its shots are found', async () => {
  const { size } = await stat(film.path);
  expect(size).toBeGreaterThan(200_000_000);

  const sending = upload(film.path, ['--chunk-size', String(chunkBytes), '--parallel', String(connections), '--json']);
  for (const share of [0.25, 0.6]) {
    await untilReceived(size * share);
    await server.restart();
  }
  const { code, stdout } = await sending;
  expect(code, stdout).toBe(0);

  const digest = await sha256Of(film.path);
  const [done] = (await get<UploadList>('/v1/uploads?state=completed')).items;
  expect(done).toMatchObject({ sha256: digest, size, receivedBytes: size });

  // What was sent again is at most what was on its way: one chunk per connection and kill.
  const received = server.log.filter((line) => line.msg === 'chunk received').length;
  const total = Math.ceil(size / chunkBytes);
  expect(received).toBeLessThanOrEqual(total + 2 * connections);

  const run = await untilProcessed(digest);
  expect(run.state).toBe('succeeded');
  const stepsDone = [
    'probe',
    'quick_look',
    'waveform',
    'scan_video',
    'contact_sheet',
    'storyboard',
    'extract_speech',
    'detect_speech',
    'summarize_scene',
    'logline_generator',
  ];
  for (const name of stepsDone)
    expect(run.steps.find((s) => s.name === name)).toMatchObject({ state: 'succeeded', attempt: 1 });
  const artifacts = (await get<{ items: Artifact[] }>(`/v1/assets/${digest}/artifacts`)).items;
  const names = artifacts.map((a) => a.name);
  expect(names).toEqual(
    expect.arrayContaining([
      'lecture.analytic.json',
      'lecture.summary.json',
      'lecture.logline.txt',
      'shot-0001.jpg',
      'quick-0001.jpg',
      'waveform.json',
      'contact-sheet.jpg',
      'storyboard-001.jpg',
      'storyboard.vtt',
    ]),
  );
  const analytic = await get<{ video: { shots: { start: number }[] } }>(
    artifacts.find((a) => a.name === 'lecture.analytic.json')?.url ?? '',
  );
  const starts = analytic.video.shots.map((s) => s.start).filter((s) => s > 0);
  expect(scoreCuts(film.cuts, starts, 0.041)).toBeGreaterThanOrEqual(0.9);
});

test('the same content under another name is taken at once and not processed again', async () => {
  // A run is listed under the newest name of its asset.
  const facts = async () =>
    (await get<{ items: Run[] }>('/v1/runs')).items.map(({ id, state, steps }) => ({ id, state, steps }));
  const before = await facts();
  const copy = join(dir, 'other name.mp4');
  await copyFile(film.path, copy);
  const { code, stdout } = await upload(copy, ['--json']);
  expect(code, stdout).toBe(0);
  expect(await facts()).toEqual(before);
  const assets = await get<{ items: { filename: string; sources: unknown[] }[] }>('/v1/assets');
  expect(assets.items).toHaveLength(1);
  expect(assets.items[0]).toMatchObject({ filename: 'other name.mp4' });
  expect(assets.items[0]?.sources).toHaveLength(2);
});

test('verify finds everything as recorded', async () => {
  await server.kill('SIGTERM');
  const run = promisify(execFile);
  const { stdout } = await run(join(root, 'node_modules/.bin/node'), [
    join(root, 'packages/server/bin/holdfast.js'),
    'verify',
    '--data',
    server.dataDir,
  ]);
  expect(stdout).toMatch(/Everything is as recorded/);
});

function upload(path: string, args: readonly string[]): Promise<{ code: number | null; stdout: string }> {
  const program = join(root, 'packages/server/bin/holdfast.js');
  const env = { PATH: process.env['PATH'], HOME: dir, XDG_STATE_HOME: join(dir, 'state') };
  const child = spawn(
    join(root, 'node_modules/.bin/node'),
    [program, 'upload', path, '--server', server.url, ...args],
    { env },
  );
  let stdout = '';
  child.stdout.on('data', (data: Buffer) => {
    stdout += data;
  });
  child.stderr.on('data', (data: Buffer) => {
    stdout += data;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout })));
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(server.url + path);
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}

async function untilReceived(bytes: number): Promise<void> {
  for (;;) {
    const { items } = await get<UploadList>('/v1/uploads');
    if ((items[0]?.receivedBytes ?? 0) >= bytes) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function untilProcessed(assetId: string): Promise<Run> {
  for (;;) {
    const { items } = await get<{ items: Run[] }>(`/v1/assets/${assetId}/runs`);
    const [run] = items;
    if (run && run.state !== 'running') return run;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const data of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(data as Buffer);
  return hash.digest('hex');
}
