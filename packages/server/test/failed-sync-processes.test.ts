/** A1: a disk that fails to sync, and several processes over one folder, or one after the other: what is completed is on disk, whoever heard of it. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { systemError, withFileFaults } from '../src/blobs/with-faults.ts';
import { HoldfastError } from '../src/core/errors.ts';
import { bodyOf, patternBytes } from '../src/testing/body.ts';
import { assetPath } from '../src/testing/local-paths.ts';
import { unique } from '../src/testing/sample-upload.ts';
import { instead } from '../src/testing/stand-in.ts';
import { SharedRedis } from '../src/testing/test-redis-state.ts';
import { SharedPostgres } from '../src/testing/test-state.ts';
import { AppendFolder, type AppendNode, type AppendNodeWish, principal } from './append-node.ts';
import { PageCache } from './page-cache.ts';
import { sha256 } from './running-node.ts';

const MiB = 1024 * 1024;
const small = { size: 5 * 64 * 1024 + 7, chunkSize: 64 * 1024 };
/** Enough for a sync behind the writer. */
const large = { size: 44 * MiB, chunkSize: 11 * MiB };

const postgres = new SharedPostgres();
const redis = new SharedRedis();
afterAll(async () => {
  await postgres.stop();
  await redis.stop();
});

async function placeOf(state: string): Promise<Pick<AppendNodeWish, 'postgresUrl' | 'redis'>> {
  if (state === 'PostgreSQL') return { postgresUrl: await postgres.createDatabase() };
  if (state === 'Redis') return { redis: { url: (await redis.server()).url, prefix: unique('{test}') } };
  return {};
}

let folder: AppendFolder;
beforeEach(async () => {
  folder = await AppendFolder.make();
});
afterEach(() => folder[Symbol.asyncDispose]());

type Shape = typeof small;

async function send(node: AppendNode, id: string, { size, chunkSize }: Shape, indexes: readonly number[]) {
  const bytes = patternBytes(size);
  for (const index of indexes) {
    const chunk = bytes.subarray(index * chunkSize, (index + 1) * chunkSize);
    const delivery = { uploadId: id, principal, index, declaredLength: chunk.length, digest: null };
    await node.service.receiveChunk({ ...delivery, body: bodyOf(chunk, { batchBytes: 64 * 1024 }) });
  }
}

async function completedOnDisk(node: AppendNode, id: string, { size }: Shape, disk: PageCache): Promise<void> {
  const digest = sha256(patternBytes(size));
  expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: digest });
  expect(disk.lostAt(await assetPath(node.deps.blobs, digest))).toEqual([]);
  await node.service.finisher.idle();
  expect(await readdir(join(folder.dir, 'incoming'))).toEqual([]);
}

test('`committed`: the sync behind the writer of one process fails, and another one finishes', async () => {
  const disk = new PageCache((nth) => nth === 1);
  const first = await folder.open({ io: disk.io });
  const second = await folder.open({ io: disk.io });
  const { id } = await first.create({ intake: 'grid', ...large });
  await send(first, id, large, [0, 1, 2]);
  await expect.poll(async () => (await first.find(id)).doubt).toBe('writers');
  await send(second, id, large, [3]);
  await completedOnDisk(second, id, large, disk);
});

test('`committed`: the sync at the end fails for bytes that another process wrote', async () => {
  const disk = new PageCache((nth) => nth === 1);
  const first = await folder.open({ io: disk.io });
  const second = await folder.open({ io: disk.io });
  const { id } = await first.create({ intake: 'grid', ...small });
  await send(first, id, small, [0, 1, 2]);
  await send(second, id, small, [3, 4, 5]);
  await completedOnDisk(second, id, small, disk);
});

test('`committed`: the last sync of all, of a file that is put in its place, fails', async () => {
  const disk = new PageCache((nth) => nth === 1);
  const node = await folder.open({ io: disk.io });
  const { id } = await node.create({ size: 100_000 });
  await node.append(id, 0, patternBytes(100_000));
  await completedOnDisk(node, id, { ...small, size: 100_000 }, disk);
});

test.each(['SQLite', 'PostgreSQL', 'Redis'])(
  '`committed`: the sync of a file that was verified and is put in its place fails; state in %s',
  async (where) => {
    let syncs = 0;
    const failing = (call: string) => (call === 'fdatasync' && ++syncs === 2 ? systemError('EIO') : null);
    const disk = new PageCache(() => false);
    const node = await folder.open({ io: withFileFaults(disk.io, { failing }), ...(await placeOf(where)) });
    const { id } = await node.create({ intake: 'grid', ...small });
    await send(node, id, small, [0, 1, 2, 3, 4, 5]);
    await completedOnDisk(node, id, small, disk);
    expect(syncs).toBeGreaterThan(2);
  },
);

test('`committed`: the syncs of a process that stops in order fail, and the next one finishes', async () => {
  const disk = new PageCache((nth) => nth === 1);
  const first = await folder.open({ io: disk.io });
  const { id } = await first.create({ intake: 'grid', ...small });
  await send(first, id, small, [0, 1, 2]);
  await expect(first.deps.blobs.close()).rejects.toMatchObject({ code: 'unavailable' });
  const second = await folder.open({ io: disk.io });
  await send(second, id, small, [3, 4, 5]);
  await completedOnDisk(second, id, small, disk);
});

async function concatenated(node: AppendNode): Promise<string> {
  const bytes = patternBytes(small.size);
  const parts: string[] = [];
  for (const part of [bytes.subarray(0, 100_000), bytes.subarray(100_000)]) {
    const { id } = await node.create({ size: part.length, concatenation: { role: 'partial', uses: 0 } });
    await node.append(id, 0, part);
    parts.push(id);
  }
  const { id } = await node.create({ concatenation: { role: 'final', parts } });
  await node.service.concatenations.idle();
  return id;
}

test('`committed`: what the disk tells while the state is away is recorded when it is back', async () => {
  const disk = new PageCache((nth) => nth === 1);
  let away = 0;
  const first = await folder.open({
    io: disk.io,
    instead: ({ store }) => ({
      store: instead(store, {
        decide: async (...asked) => {
          if (away > 0) {
            away -= 1;
            throw new HoldfastError('unavailable', 'The database is away (test)');
          }
          return await store.decide(...asked);
        },
      }),
    }),
  });
  const { id } = await first.create({ intake: 'grid', ...small });
  await send(first, id, small, [0, 1, 2]);
  away = 1;
  await expect(first.deps.blobs.close()).rejects.toMatchObject({ code: 'unavailable' });
  expect(away).toBe(0);
  const second = await folder.open({ io: disk.io });
  await expect.poll(async () => (await second.find(id)).doubt, { timeout: 10_000 }).toBe('writers');
  await send(second, id, small, [3, 4, 5]);
  await completedOnDisk(second, id, small, disk);
});

test('`committed`: the sync of a part of a concatenation fails', async () => {
  const disk = new PageCache((nth) => nth === 1);
  const node = await folder.open({ io: disk.io });
  await completedOnDisk(node, await concatenated(node), small, disk);
});

test('`committed`: the sync of a concatenation fails', async () => {
  const disk = new PageCache(() => false);
  let syncs = 0;
  // One for each part; what a worker copies does not pass through the cache here.
  const failing = (call: string) => (call === 'fdatasync' && ++syncs === 3 ? systemError('EIO') : null);
  const node = await folder.open({ io: withFileFaults(disk.io, { failing }) });
  await completedOnDisk(node, await concatenated(node), small, disk);
  expect(syncs).toBeGreaterThan(3);
});

test('`synced`: bytes whose sync failed in one process and that another one took anew are not asked for a third time', async () => {
  const disk = new PageCache((nth) => nth === 1);
  const first = await folder.open({ io: disk.io, durability: 'synced' });
  const second = await folder.open({ io: disk.io, durability: 'synced' });
  const { id } = await first.create({ intake: 'grid', ...small });
  await expect(send(first, id, small, [0])).rejects.toMatchObject({ code: 'unavailable' });
  await send(second, id, small, [0]);
  await send(first, id, small, [1, 2, 3, 4, 5]);
  await completedOnDisk(first, id, small, disk);
});
