/** E2, the drill with PostgreSQL: a backup while uploads run, complete and are processed; everything is thrown away and restored elsewhere. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Artifact, EventList, Run } from '@holdfast/protocol';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { S3Stub } from '../../packages/server/src/testing/s3-stub/stub.ts';
import { SharedPostgres } from '../../packages/server/src/testing/test-state.ts';
import { finishHalf, half, type Sending, whileBusy, whole } from './backup-uploads.ts';
import { countedIn, countingPipeline } from './counting-pipeline.ts';
import { holdfast, ServerProcess } from './server-process.ts';
import { Api, sha256 } from './upload-driver.ts';

const run = promisify(execFile);
const postgres = new SharedPostgres();
const env = { HOLDFAST_RESERVE_MB: '0' };

let dir: string;
let counted: string;
let args: string[];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-backup-pg-'));
  const pipeline = await countingPipeline(dir);
  counted = pipeline.counts;
  // A node that comes back under its name goes on at once with what it was at.
  args = ['--pipelines', pipeline.file, '--node-name', 'one'];
});
afterAll(async () => {
  await postgres.stop();
  await rm(dir, { recursive: true, force: true });
});

async function processed(api: Api, { bytes }: Sending): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const { body } = await api.json<{ items: Run[] }>('GET', `/v1/assets/${sha256(bytes)}/runs`);
    if (body.items[0]?.state === 'succeeded') return;
    if (performance.now() > deadline) throw new Error(`Not processed: ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function rows<R extends object>(url: string, text: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(text)).rows;
  } finally {
    await client.end();
  }
}

async function drop(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await rows(url.replace(/[^/]*$/, 'postgres'), `drop database ${name} with (force)`);
}

async function restoreState(dump: string): Promise<string> {
  const url = await postgres.createDatabase();
  await run('pg_restore', ['--exit-on-error', '--no-owner', `--dbname=${url}`, dump]);
  return url;
}

/** What `verify` finds, by kind. */
async function findings(where: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const { stdout, stderr } = await holdfast(['verify', '--json', ...where], more);
  const all = stdout.trim().split('\n');
  expect(all.at(-1), stderr).toContain('summary');
  return all.slice(0, -1).map((line) => (JSON.parse(line) as { kind: string }).kind);
}

/** Whole and half uploads are as they were at that moment, and what was processed is not processed again. */
async function goesOn(
  server: ServerProcess,
  { url, before, unfinished }: { url: string; before: Sending; unfinished: Sending },
) {
  const api = new Api(() => server.url);
  const read = async (path: string) => await api.bytes(`/v1/assets/${sha256(before.bytes)}/${path}`);
  expect((await read('content')).equals(before.bytes)).toBe(true);
  const { body: made } = await api.json<{ items: Artifact[] }>('GET', `/v1/assets/${sha256(before.bytes)}/artifacts`);
  expect((await api.bytes(made.items[0]?.url ?? '')).toString()).toBe('told\n');
  const log = async () =>
    (await api.json<EventList>('GET', `/v1/uploads/${unfinished.upload.id}/events`)).body.items.map(({ id }) => id);
  const earlier = await log();
  await finishHalf(api, unfinished);
  const later = await log();
  // Nobody who had read the log up to here misses what happens now.
  expect(later.slice(0, earlier.length)).toEqual(earlier);
  expect(Math.min(...later.slice(earlier.length))).toBeGreaterThan(Math.max(...earlier));
  await processed(api, unfinished);
  api.close();
  const assets = await rows<{ id: string }>(url, 'select id from assets');
  expect(assets.map(({ id }) => id)).toEqual(expect.arrayContaining([sha256(before.bytes), sha256(unfinished.bytes)]));
}

/** Assets whose step has succeeded, in a database. */
async function done(url: string): Promise<string[]> {
  const found = await rows<{ id: string }>(url, `select asset_id as id from steps where state = 'succeeded'`);
  return found.map(({ id }) => id);
}

async function expectProcessedOnce(earlier: string, doneBefore: readonly string[]): Promise<void> {
  for (const file of [earlier, counted]) {
    const all = await countedIn(file);
    expect(all.length).toBe(new Set(all).size);
  }
  const now = new Set(await countedIn(counted));
  expect(doneBefore.filter((id) => now.has(id))).toEqual([]);
}

test('E2: PostgreSQL and a folder: `holdfast backup`, pg_restore, cp', async () => {
  const data = join(dir, 'data');
  const url = await postgres.createDatabase();
  const state = ['--state', url];
  await using server = await ServerProcess.start({ dataDir: data, args: [...args, ...state], env });
  const api = new Api(() => server.url);
  const before = await whole(api, 'before.bin');
  await processed(api, before);
  const unfinished = await half(api, 'half.bin');
  const to = join(dir, 'backup');
  const backup = ['backup', to, '--data', data, ...state];
  const backups = await whileBusy(api, async () => [await holdfast(backup), await holdfast(backup)]);
  for (const one of backups) expect(one).toMatchObject({ code: 0, stderr: '' });
  expect(backups[0]?.stdout).toMatch(/[1-9]\d* assets, [1-9]\d* artifacts, [1-9]\d* unfinished uploads/);
  api.close();
  await server.kill();
  await drop(url);
  await rm(data, { recursive: true });
  const earlier = join(dir, 'counted-before');
  await rename(counted, earlier);

  const restored = { url: await restoreState(join(to, 'state.dump')), data: join(dir, 'restored') };
  await cp(to, restored.data, { recursive: true, preserveTimestamps: true });
  const where = ['--data', restored.data, '--state', restored.url];
  expect(await holdfast(['verify', ...where])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Everything is as recorded'),
  });
  const doneBefore = await done(restored.url);
  expect(doneBefore).toContain(sha256(before.bytes));
  const wish = { dataDir: restored.data, args: [...args, '--state', restored.url], env };
  await using next = await ServerProcess.start(wish);
  await goesOn(next, { url: restored.url, before, unfinished });
  await expectProcessedOnce(earlier, doneBefore);
  // Another one into the same folder would be taken for this one.
  expect(await holdfast(['backup', restored.data, ...where.slice(0, 1), data, ...where.slice(2)])).toMatchObject({
    code: 2,
  });
});

/** What `rclone copy --ignore-existing` does: objects are never written twice under one name, and nothing is removed. */
async function copyBucket(from: S3Stub, to: S3Stub): Promise<void> {
  const [source, target] = [from, to].map(
    ({ endpoint, credentials }) => new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true }),
  ) as [S3Client, S3Client];
  const Bucket = from.bucket;
  for (let more: string | undefined, first = true; first || more !== undefined; first = false) {
    const page = await source.send(new ListObjectsV2Command({ Bucket, ...(more && { ContinuationToken: more }) }));
    more = page.NextContinuationToken;
    for (const { Key } of page.Contents ?? []) {
      if (Key === undefined || to.store.objects.has(Key)) continue;
      const found = await source.send(new GetObjectCommand({ Bucket, Key })).catch((error: Error) => {
        if (error.name === 'NoSuchKey') return null;
        throw error;
      });
      const Body = await found?.Body?.transformToByteArray();
      if (Body !== undefined) await target.send(new PutObjectCommand({ Bucket, Key, Body }));
    }
  }
  source.destroy();
  target.destroy();
}

test('E2: PostgreSQL and a bucket: copy, pg_dump, copy', async () => {
  await using live = await S3Stub.start();
  await using kept = await S3Stub.start();
  const settings = (stub: S3Stub) => ({
    ...env,
    HOLDFAST_BLOBS: `s3://${stub.bucket}/holdfast`,
    HOLDFAST_S3_ENDPOINT: stub.endpoint,
    HOLDFAST_S3_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: stub.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: stub.credentials.secretAccessKey,
  });
  const url = await postgres.createDatabase();
  const wish = { dataDir: join(dir, 'node'), args: [...args, '--state', url], env: settings(live) };
  await using server = await ServerProcess.start(wish);
  const api = new Api(() => server.url);
  const before = await whole(api, 'before.bin');
  await processed(api, before);
  const unfinished = await half(api, 'half.bin');
  const dump = join(dir, 'bucket.dump');
  await whileBusy(api, async () => {
    await copyBucket(live, kept);
    const without = ['nodes', 'leases', 'extent_claims', 'upload_locks'].map((name) => `--exclude-table-data=${name}`);
    await run('pg_dump', ['--format=custom', ...without, `--file=${dump}`, url]);
    await copyBucket(live, kept);
  });
  api.close();
  await server.kill();
  await drop(url);
  await live.stop();
  await rm(wish.dataDir, { recursive: true });
  const earlier = join(dir, 'counted-before-bucket');
  await rename(counted, earlier);

  const restored = await restoreState(dump);
  const data = join(dir, 'other-node');
  await mkdir(data);
  const where = ['--data', data, '--state', restored];
  const repaired = await findings(['--repair', ...where], settings(kept));
  expect(repaired.filter((kind) => /^(?:lost|damaged-asset|damaged-artifact)/.test(kind))).toEqual([]);
  // What came into the second copy only: bytes that no row speaks of.
  expect((await findings(where, settings(kept))).filter((kind) => kind !== 'orphaned-asset')).toEqual([]);
  const doneBefore = await done(restored);
  expect(doneBefore).toContain(sha256(before.bytes));
  await using next = await ServerProcess.start({
    dataDir: data,
    args: [...args, ...where.slice(2)],
    env: settings(kept),
  });
  await goesOn(next, { url: restored, before, unfinished });
  await expectProcessedOnce(earlier, doneBefore);
});
