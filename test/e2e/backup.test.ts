/** E2, the drill: a backup of a server that is in the middle of uploads, restored to another folder. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Problem, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdfast, ServerProcess } from './server-process.ts';
import { Api, seededBytes, seededRandom, sha256, shuffled } from './upload-driver.ts';

const chunkBytes = 64 * 1024;
const chunks = 12;
const random = seededRandom(11);
const env = { HOLDFAST_RESERVE_MB: '0' };

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-backup-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

interface Sending {
  readonly bytes: Buffer;
  readonly upload: Upload;
}

async function begin(api: Api, name: string): Promise<Sending> {
  const bytes = seededBytes(random, chunks * chunkBytes);
  const wish = { filename: name, size: bytes.length, chunkSize: chunkBytes };
  return { bytes, upload: (await api.json<Upload>('POST', '/v1/uploads', wish)).body };
}

async function send(api: Api, { bytes, upload }: Sending, index: number): Promise<void> {
  const chunk = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
  expect((await api.put(`/v1/uploads/${upload.id}/chunks/${index}`, chunk)).status).toBe(200);
}

async function complete(api: Api, { bytes, upload }: Sending): Promise<void> {
  const { body } = await api.json<Upload & Problem>('POST', `/v1/uploads/${upload.id}/complete?wait=30`);
  expect(body).toMatchObject({ state: 'completed', sha256: sha256(bytes) });
}

test.each([
  ['one process', []],
  ['two processes', ['--processes', '2']],
])('E2: a backup while uploads run and complete, restored: %s', async (name, args) => {
  await using server = await ServerProcess.start({ args: ['--no-pipeline', ...args], env });
  const api = new Api(() => server.url);
  const before = await begin(api, 'before.bin');
  for (let i = 0; i < chunks; i += 1) await send(api, before, i);
  await complete(api, before);
  const half = await begin(api, 'half.bin');
  for (const index of [7, 0, 3]) await send(api, half, index);

  // Uploads come to their end all the time while it is taken.
  const to = join(dir, name.replace(' ', '-'));
  let done = false;
  const busy = [0, 1, 2].map(async (lane) => {
    for (let i = 0; !done; i += 1) {
      const sending = await begin(api, `busy-${lane}-${i}.bin`);
      const indexes = shuffled(random, [...Array(chunks).keys()]);
      for (const index of indexes) await send(api, sending, index);
      await complete(api, sending);
    }
  });
  const backups = [];
  for (let i = 0; i < 3; i += 1) backups.push(await holdfast(['backup', to, '--data', server.dataDir]));
  done = true;
  await Promise.all(busy);
  for (const backup of backups) expect(backup).toMatchObject({ code: 0, stderr: '' });
  api.close();

  const restored = join(dir, `restored-${name.replace(' ', '-')}`);
  await cp(to, restored, { recursive: true, preserveTimestamps: true });
  expect(await holdfast(['verify', '--data', restored])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Everything is as recorded'),
  });
  await using next = await ServerProcess.start({ dataDir: restored, args: ['--no-pipeline', ...args], env });
  const there = new Api(() => next.url);
  expect((await there.bytes(`/v1/assets/${sha256(before.bytes)}/content`)).equals(before.bytes)).toBe(true);
  const { body: status } = await there.json<Upload>('GET', `/v1/uploads/${half.upload.id}`);
  expect(status.missingChunks).toEqual([1, 2, 4, 5, 6, 8, 9, 10, 11]);
  for (const index of status.missingChunks) await send(there, half, index);
  await complete(there, half);
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
