/** D4: the disk is full while steps run: they are tried again, and succeed when there is room again, by themselves. On a real, small file system of its own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogEvent, Run, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFilm } from './film.ts';
import { ServerProcess } from './server-process.ts';
import { Api, sha256 } from './upload-driver.ts';

const root = mkdtempSync(join(tmpdir(), 'holdfast-full-'));
const disk = join(root, 'disk');
/** Only root may make file systems. */
const mounted = spawnSync('sh', ['-c', `mkdir "${disk}" && mount -t tmpfs -o size=48m tmpfs "${disk}"`]).status === 0;
/** Room for what is in hand, and neither for results nor for the database's account of them. */
const leftBytes = 400_000;

let film: Buffer;

beforeAll(async () => {
  if (!mounted) return;
  const { path } = await makeFilm({ dir: root, size: '320x180', shots: [2, 2], bitrate: '500k' });
  film = await readFile(path);
});
afterAll(() => {
  if (mounted) execFileSync('umount', ['-l', disk]);
  rmSync(root, { recursive: true, force: true });
});

test.runIf(mounted)('D4: a full disk fails no step for good, and nothing that was recorded is lost', async () => {
  const env = { HOLDFAST_RESERVE_MB: '0', HOLDFAST_TEXT_ENGINE: 'none', HOLDFAST_SPEECH_ENGINE: 'none' };
  await using server = await ServerProcess.start({ dataDir: join(disk, 'data'), env });
  const api = new Api(() => server.url);
  const { body: classes } = await api.json<{ items: { name: string }[] }>('GET', '/v1/classes');
  for (const { name } of classes.items) await api.json('POST', `/v1/classes/${name}/pause`);
  await send(api, film);
  const filler = join(disk, 'filler');
  const { bavail, bsize } = await statfs(disk);
  await writeFile(filler, Buffer.alloc(bavail * bsize - leftBytes));
  for (const { name } of classes.items) await api.json('POST', `/v1/classes/${name}/resume`);

  const run = async () => (await api.json<{ items: Run[] }>('GET', `/v1/assets/${sha256(film)}/runs`)).body.items[0];
  const told = () => JSON.stringify(server.log);
  await expect.poll(told, { timeout: 30_000 }).toMatch(/no room left|no space left/i);
  await expect.poll(told, { timeout: 30_000 }).toMatch(/could not be recorded|will be tried again|failed:/);
  await rm(filler);
  await expect.poll(async () => (await run())?.state, { timeout: 60_000 }).toBe('succeeded');
  const { body } = await api.json<{ items: LogEvent[] }>('GET', `/v1/runs/${(await run())?.id}/events?limit=1000`);
  const done = body.items.filter((event) => event.type === 'step.succeeded').map((event) => event.data['step']);
  expect(new Set(done).size, 'no step succeeds twice').toBe(done.length);
  expect((await run())?.steps.filter((step) => step.state === 'failed')).toEqual([]);
  api.close();
});

async function send(api: Api, bytes: Buffer): Promise<void> {
  const { body: upload } = await api.json<Upload>('POST', '/v1/uploads', { filename: 'film.mp4', size: bytes.length });
  for (let i = 0; i < upload.totalChunks; i += 1) {
    const chunk = bytes.subarray(i * upload.chunkSize, (i + 1) * upload.chunkSize);
    await api.put(`/v1/uploads/${upload.id}/chunks/${i}`, chunk);
  }
  await api.json('POST', `/v1/uploads/${upload.id}/complete`);
}
