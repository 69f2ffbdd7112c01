/**
 * E1, E2: uploads in Redis, the ledger in SQLite, on a real server. It is killed in the middle of an upload and around its completion, goes
 * on, and each file is processed once; Redis is killed as well.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../../packages/server/src/testing/redis.ts';
import { eventually } from '../../packages/server/test/webhook-receiver.ts';
import { holdfast, ServerProcess } from './server-process.ts';
import { Api, seededBytes, seededRandom, sha256 } from './upload-driver.ts';

const MiB = 1024 * 1024;
const tus = { 'Tus-Resumable': '1.0.0' };
const random = seededRandom(13);
let dir: string;
let redis: TestRedis;
let server: ServerProcess;
let api: Api;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  redis = await startRedis({ requirepass: 'only-for-tests' });
  const definitions = `
pipelines:
  - name: notes
    applies: { types: [text/*] }
    steps:
      - name: note
        command: [/bin/sh, ${dir}/note.sh, "{input}", "{output:note}"]
        version: 1
        outputs: { note: { file: "{name}.note.txt", type: text/plain } }
`;
  await writeFile(join(dir, 'pipelines.yaml'), definitions);
  await writeFile(join(dir, 'note.sh'), `sha256sum < "$1" >> ${dir}/processed\necho noted > "$2"\n`);
  await writeFile(join(dir, 'processed'), '');
  server = await ServerProcess.start({
    args: ['--pipelines', join(dir, 'pipelines.yaml')],
    env: { HOLDFAST_RESERVE_MB: '0', HOLDFAST_STATE: redis.url, REDISCLI_AUTH: 'only-for-tests' },
  });
  api = new Api(() => server.url);
});
afterAll(async () => {
  api.close();
  await server.close();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
});

async function timesProcessed(bytes: Uint8Array): Promise<number> {
  return (await readFile(join(dir, 'processed'), 'utf8')).split('\n').filter((line) => line.startsWith(sha256(bytes)))
    .length;
}

async function expectProcessedOnce(id: string, bytes: Uint8Array): Promise<void> {
  await eventually(async () => (await api.json<Upload>('GET', `/v1/uploads/${id}`)).body.state).toBe('completed');
  const asset = sha256(bytes);
  expect((await api.bytes(`/v1/assets/${asset}/content`)).equals(bytes)).toBe(true);
  const runs = async () => (await api.json<{ items: Run[] }>('GET', `/v1/assets/${asset}/runs`)).body.items;
  await eventually(async () => (await runs()).map((run) => run.state)).toEqual(['succeeded']);
  expect(await timesProcessed(bytes)).toBe(1);
}

async function begun(filename: string, size: number): Promise<Upload> {
  const wish = { filename, size, contentType: 'text/plain', chunkSize: MiB };
  const { status, body } = await api.json<Upload>('POST', '/v1/uploads', wish);
  expect(status).toBe(201);
  return body;
}

async function begunByTus(size: number): Promise<string> {
  const created = await fetch(`${server.url}/files`, {
    method: 'POST',
    headers: {
      ...tus,
      'Upload-Length': String(size),
      'Upload-Metadata': `filename ${btoa('tus.txt')},filetype ${btoa('text/plain')}`,
    },
  });
  expect(created.status).toBe(201);
  return new URL(created.headers.get('location') ?? '', server.url).pathname;
}

async function append(path: string, offset: number, body: Buffer): Promise<number> {
  const headers = { ...tus, 'Upload-Offset': String(offset), 'Content-Type': 'application/offset+octet-stream' };
  return (await fetch(server.url + path, { method: 'PATCH', headers, body: new Uint8Array(body) })).status;
}

test('uploads by native and tus go on after server and Redis were killed, and each is processed once', async () => {
  const bytes = seededBytes(random, 4 * MiB + 17);
  const other = seededBytes(random, 2 * MiB + 3);
  const { id } = await begun('native.txt', bytes.length);
  const chunk = (index: number) =>
    api.put(`/v1/uploads/${id}/chunks/${index}`, bytes.subarray(index * MiB, (index + 1) * MiB));
  for (const index of [3, 0]) expect((await chunk(index)).status).toBe(200);
  const path = await begunByTus(other.length);
  expect(await append(path, 0, other.subarray(0, MiB))).toBe(204);

  await server.restart({ HOLDFAST_TEST_CRASH_AT: 'completion:after-place' });
  expect((await api.json<Upload>('GET', `/v1/uploads/${id}`)).body).toMatchObject({ receivedBytes: 2 * MiB });
  await redis.kill();
  const early = chunk(1);
  await redis.start();
  expect((await early).status, 'it was waited for').toBe(200);
  for (const index of [4, 2]) await chunk(index).catch(() => null);
  expect(await server.exit).toMatchObject({ signal: 'SIGKILL' });

  await server.run();
  const head = await fetch(server.url + path, { method: 'HEAD', headers: tus });
  expect(head.headers.get('upload-offset')).toBe(String(MiB));
  expect(await append(path, MiB, other.subarray(MiB))).toBe(204);
  await expectProcessedOnce(id, bytes);
  await expectProcessedOnce(path.split('/').at(-1) ?? '', other);
  const { body } = await api.json<{ items: { type: string; seq: number }[] }>('GET', `/v1/uploads/${id}/events`);
  expect(body.items.map((event) => event.seq)).toEqual(body.items.map((_, i) => i + 1));
  expect(body.items.filter((event) => event.type === 'completed')).toHaveLength(1);
});

test('verify does not take files of uploads in Redis for orphans', async () => {
  const { id } = await begun('begun.txt', 2 * MiB);
  await api.put(`/v1/uploads/${id}/chunks/0`, seededBytes(random, MiB));
  const files = await server.incoming();
  expect(files).toHaveLength(1);
  await server.kill();
  const verify = ['verify', '--repair', '--quick', '--data', server.dataDir];
  const blind = await holdfast(verify);
  expect(blind.code).not.toBe(0);
  expect(blind.stderr).toContain('HOLDFAST_STATE=redis://');
  const whole = await holdfast(verify, { HOLDFAST_STATE: redis.url, REDISCLI_AUTH: 'only-for-tests' });
  expect({ code: whole.code, stderr: whole.stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  expect(await server.incoming()).toEqual(files);
});
