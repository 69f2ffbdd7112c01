/** E2, the drill: a backup of a server that is in the middle of uploads, restored to another folder. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { finishHalf, half, whileBusy, whole } from './backup-uploads.ts';
import { holdfast, ServerProcess } from './server-process.ts';
import { Api, sha256 } from './upload-driver.ts';

const env = { HOLDFAST_RESERVE_MB: '0' };

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-backup-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

test.each([
  ['one process', []],
  ['two processes', ['--processes', '2']],
])('E2: a backup while uploads run and complete, restored: %s', async (name, args) => {
  await using server = await ServerProcess.start({ args: ['--no-pipeline', ...args], env });
  const api = new Api(() => server.url);
  const before = await whole(api, 'before.bin');
  const unfinished = await half(api, 'half.bin');

  // A folder for each try: what an earlier one left is of another server.
  const place = await mkdtemp(join(dir, 'backup-'));
  const to = join(place, name.replace(' ', '-'));
  const backups = await whileBusy(api, async () => {
    const done = [];
    for (let i = 0; i < 3; i += 1) done.push(await holdfast(['backup', to, '--data', server.dataDir]));
    return done;
  });
  for (const backup of backups) expect(backup).toMatchObject({ code: 0, stderr: '' });
  api.close();

  const restored = join(place, 'restored');
  await cp(to, restored, { recursive: true, preserveTimestamps: true });
  expect(await holdfast(['verify', '--data', restored])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Everything is as recorded'),
  });
  await using next = await ServerProcess.start({ dataDir: restored, args: ['--no-pipeline', ...args], env });
  const there = new Api(() => next.url);
  expect((await there.bytes(`/v1/assets/${sha256(before.bytes)}/content`)).equals(before.bytes)).toBe(true);
  await finishHalf(there, unfinished);
  there.close();
});

test('what cannot be a backup is refused', async () => {
  await using server = await ServerProcess.start({ args: ['--no-pipeline'], env });
  const data = ['--data', server.dataDir];
  expect(await holdfast(['backup', join(dir, 'x'), '--data', dir])).toMatchObject({ code: 2 });
  expect(await holdfast(['backup', join(server.dataDir, 'inside'), ...data])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('inside of the data folder'),
  });
  expect(await holdfast(['backup', tmpdir(), ...data])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('something else in it'),
  });
});
