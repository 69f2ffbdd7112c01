/** E2: from one folder to PostgreSQL: interrupted, gone on with, compared; unfinished uploads go on at the new server. */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Artifact, Run, Upload } from '@holdfast/protocol';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SharedPostgres } from '../../packages/server/src/testing/test-state.ts';
import { type CountingPipeline, countedIn, countingPipeline } from './counting-pipeline.ts';
import { environment, holdfast, nodeBinary, program, ServerProcess } from './server-process.ts';
import { Api, seededBytes, seededRandom, sha256 } from './upload-driver.ts';

const chunkBytes = 64 * 1024;
const postgres = new SharedPostgres();
const random = seededRandom(7);

let dir: string;
let pipeline: CountingPipeline;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-migrate-'));
  pipeline = await countingPipeline(dir);
});
afterAll(async () => {
  await postgres.stop();
  await rm(dir, { recursive: true, force: true });
});

async function upload(api: Api, bytes: Buffer, chunks: readonly number[], name: string): Promise<Upload> {
  const wish = { filename: name, size: bytes.length, chunkSize: chunkBytes };
  const { body } = await api.json<Upload>('POST', '/v1/uploads', wish);
  for (const index of chunks) {
    const chunk = bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
    expect((await api.put(`/v1/uploads/${body.id}/chunks/${index}`, chunk)).status).toBe(200);
  }
  return body;
}

async function completed(api: Api, id: string, bytes: Buffer): Promise<void> {
  const { body } = await api.json<Upload>('POST', `/v1/uploads/${id}/complete?wait=30`);
  expect(body).toMatchObject({ state: 'completed', sha256: sha256(bytes) });
}

async function processed(api: Api, bytes: Buffer): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const { body } = await api.json<{ items: Run[] }>('GET', `/v1/assets/${sha256(bytes)}/runs`);
    if (body.items[0]?.state === 'succeeded') return;
    if (performance.now() > deadline) throw new Error(`Not processed: ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Killed as soon as it says anything of that. */
async function killedAt(args: readonly string[], words: RegExp): Promise<void> {
  const child = spawn(nodeBinary, [program, ...args, '--json'], {
    env: environment({}),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface({ input: child.stdout }).on('line', (line) => words.test(line) && child.kill('SIGKILL'));
  await new Promise((resolve) => child.once('close', resolve));
}

test('E2: a folder moves to PostgreSQL and another folder', async () => {
  const whole = Array.from({ length: 3 }, () => seededBytes(random, 3 * chunkBytes + 17));
  const part = seededBytes(random, 6 * chunkBytes);
  const appended = seededBytes(random, 5 * chunkBytes);
  const source = join(dir, 'source');
  const env = { HOLDFAST_RESERVE_MB: '0' };
  const args = ['--pipelines', pipeline.file];
  await using old = await ServerProcess.start({ dataDir: source, args, env });
  const api = new Api(() => old.url);
  for (const [i, bytes] of whole.entries()) {
    await completed(api, (await upload(api, bytes, [0, 1, 2, 3], `whole-${i}.bin`)).id, bytes);
    await processed(api, bytes);
  }
  const { id: partId } = await upload(api, part, [4, 1, 2], 'part.bin');
  const tus = { 'tus-resumable': '1.0.0', 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' };
  const created = await fetch(`${old.url}/files`, {
    method: 'POST',
    headers: { 'tus-resumable': '1.0.0', 'upload-length': String(appended.length) },
  });
  const tusPath = new URL(created.headers.get('location') ?? '', old.url).pathname;
  const first = new Uint8Array(appended.subarray(0, 150_000));
  expect((await fetch(old.url + tusPath, { method: 'PATCH', headers: tus, body: first })).status).toBe(204);

  const url = await postgres.createDatabase();
  const target = join(dir, 'target');
  const move = ['migrate', '--from-data', source, '--to-state', url, '--to-data', target];
  expect(await holdfast(move), 'while the server runs').toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Another Holdfast process uses'),
  });
  api.close();
  await old.kill('SIGTERM');
  await cp(source, join(dir, 'copy'), { recursive: true });

  await killedAt(move, /rows/);
  const refused = await holdfast(['serve', '--port', '0', '--data', target, '--state', url]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('is not finished') });
  const other = join(dir, 'other');
  await using stranger = await ServerProcess.start({ dataDir: other, env });
  await stranger.kill('SIGTERM');
  expect(await holdfast(['migrate', '--from-data', other, ...move.slice(3)])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Another data folder'),
  });
  const moved = await holdfast(move);
  expect(moved.stderr).toBe('');
  expect(moved.code).toBe(0);
  expect(moved.stdout).toContain('3 assets, 3 artifacts, 2 unfinished uploads');
  expect(await holdfast(move), 'a second time').toMatchObject({
    code: 2,
    stderr: expect.stringContaining('not empty'),
  });
  for (const file of ['state.db', 'node-id', 'boot.json'])
    expect((await readFile(join(source, file))).equals(await readFile(join(dir, 'copy', file))), file).toBe(true);
  expect(await holdfast(['verify', '--data', target, '--state', url])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Checked 3 assets'),
  });

  await using next = await ServerProcess.start({ dataDir: target, args: [...args, '--state', url], env });
  const there = new Api(() => next.url);
  const { body: status } = await there.json<Upload>('GET', `/v1/uploads/${partId}`);
  expect(status.missingChunks).toEqual([0, 3, 5]);
  for (const index of status.missingChunks)
    await there.put(
      `/v1/uploads/${partId}/chunks/${index}`,
      part.subarray(index * chunkBytes, (index + 1) * chunkBytes),
    );
  await completed(there, partId, part);
  const rest = new Uint8Array(appended.subarray(150_000));
  const headers = { ...tus, 'upload-offset': '150000' };
  expect((await fetch(next.url + tusPath, { method: 'PATCH', headers, body: rest })).status).toBe(204);
  await completed(there, tusPath.split('/').at(-1) ?? '', appended);
  for (const bytes of [...whole, part, appended]) {
    await processed(there, bytes);
    const { body: list } = await there.json<{ items: Artifact[] }>('GET', `/v1/assets/${sha256(bytes)}/artifacts`);
    expect(list.items).toHaveLength(1);
    expect((await there.bytes(`/v1/assets/${sha256(bytes)}/content`)).equals(bytes)).toBe(true);
  }
  there.close();
  const counted = (await countedIn(pipeline.counts)).sort();
  expect(counted, 'each processed once').toEqual([...whole, part, appended].map((bytes) => sha256(bytes)).sort());
});

test('wrong wishes are refused in words', async () => {
  const bad = (more: readonly string[]) => holdfast(['migrate', ...more]);
  expect(await bad(['--from-data', dir, '--to-state', 'postgres://x/y', '--to-data', '/tmp/z'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('There is no Holdfast data'),
  });
  const source = join(dir, 'source');
  expect(await bad(['--from-data', source, '--to-state', 'redis://x', '--to-data', '/tmp/z'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--to-state takes postgres://'),
  });
  expect(await bad(['--from-data', source, '--to-state', 'postgres://x/y', '--to-data', source])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('the source itself'),
  });
  const away = 'postgres://nobody@127.0.0.1:1/none';
  expect(await bad(['--from-data', source, '--to-state', away, '--to-data', join(dir, 'z')])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('target database'),
  });
  const url = await postgres.createDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('create table holdfast_schema (version integer primary key, name text not null)');
  await client.query(`insert into holdfast_schema values (999, 'newer')`);
  await client.end();
  expect(await bad(['--from-data', source, '--to-state', url, '--to-data', join(dir, 'z')])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('schema version 999'),
  });
});
