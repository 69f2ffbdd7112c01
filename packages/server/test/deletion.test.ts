/**
 * Deleting assets while the same content is brought again, by several processes: whatever was completed after a deletion is there, and whatever
 * was deleted is gone.
 */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HoldfastError } from '../src/core/errors.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import { bodyOf, patternBytes } from '../src/testing/body.ts';
import { startRedis, type TestRedis } from '../src/testing/redis.ts';
import { unique } from '../src/testing/sample-upload.ts';
import { instead } from '../src/testing/stand-in.ts';
import { SharedPostgres } from '../src/testing/test-state.ts';
import { Deletion } from '../src/uploads/deletion.ts';
import { AppendFolder, type AppendNode, type AppendNodeWish, principal } from './append-node.ts';
import { sha256 } from './running-node.ts';

const chunkSize = 64 * 1024;
const bytes = patternBytes(2 * chunkSize, 3);
const digest = sha256(bytes);
const nowhere = { has: () => false, forget: () => {} };

let folder: AppendFolder;
beforeEach(async () => {
  folder = await AppendFolder.make();
});
afterEach(() => folder[Symbol.asyncDispose]());

const postgres = new SharedPostgres();
let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await postgres.stop();
  await redis.stop();
});

function deletionOf({ deps, artifacts }: AppendNode, more: Partial<AppendNode['deps']> = {}): Deletion {
  return new Deletion({ ...deps, ...more, artifacts, outside: nowhere });
}

/** Sends the whole file in chunks; resolves when it has ended. */
async function bring(node: AppendNode, content: Uint8Array = bytes): Promise<void> {
  const { id } = await node.create({ intake: 'grid', size: content.length, chunkSize });
  for (let index = 0; index * chunkSize < content.length; index += 1) {
    const chunk = content.subarray(index * chunkSize, (index + 1) * chunkSize);
    const delivery = { uploadId: id, principal, index, declaredLength: chunk.length, digest: null };
    await node.service.receiveChunk({ ...delivery, body: bodyOf(chunk, { batchBytes: 30_000 }) });
  }
  expect((await node.ended(id)).phase.name).toBe('completed');
}

/** Whether the asset is recorded; if it is, it has to be there, whole. */
async function isWhole({ deps }: AppendNode, id = digest): Promise<boolean> {
  if ((await deps.store.findAsset(id, principal)) === null) return false;
  expect(await deps.blobs.rehashAsset(id)).toBe(id);
  return true;
}

const inStore = () => readdir(join(folder.dir, 'assets', 'sha256', digest.slice(0, 2)));

const stores: Readonly<Record<string, () => Promise<Omit<AppendNodeWish, 'dir'>>>> = {
  SQLite: async () => ({}),
  PostgreSQL: async () => ({ postgresUrl: await postgres.createDatabase() }),
  Redis: async () => ({ redis: { url: redis.url, prefix: unique('deletion') } }),
};

describe.each(Object.keys(stores))('%s', (name) => {
  test('what is brought and deleted by two processes at once is there whole, or gone', {
    timeout: 60_000,
  }, async () => {
    const wish = await (stores[name]?.() ?? {});
    const nodes = [await folder.open(wish), await folder.open(wish)] as const;
    const deletions = nodes.map((node) => deletionOf(node));
    let deleted = 0;
    for (let round = 0; round < 6; round += 1) {
      const [a, b] = [bring(nodes[0]), bring(nodes[1])];
      const removals = deletions.map(async (deletion, i) => {
        for (let k = 0; k < 6; k += 1) {
          await new Promise((resolve) => setTimeout(resolve, 3 * ((round + i + k) % 7)));
          await deletion.delete(digest, principal).then(
            () => {
              deleted += 1;
            },
            (error: unknown) => expect(error).toMatchObject({ code: 'asset-not-found' }),
          );
        }
      });
      await Promise.all([a, b, ...removals]);
      await isWhole(nodes[0]);
    }
    expect(deleted).toBeGreaterThan(1);
    await bring(nodes[0]);
    expect(await isWhole(nodes[1])).toBe(true);
    await deletions[1]?.delete(digest, principal);
    expect(await isWhole(nodes[0])).toBe(false);
    expect(await inStore()).toEqual([]);
  });
});

test('bytes that an upload relies on stay until it is recorded: its process died between placing and recording', async () => {
  const [first, dies, other] = [
    await folder.open(),
    await folder.open({
      limits: { finishLeaseMs: 300 },
      crash: (point) => {
        if (point === 'completion:after-place') throw new HoldfastError('lease-lost', 'killed (test)');
      },
    }),
    await folder.open(),
  ];
  await bring(first);
  const { id } = await dies.create({ intake: 'grid', size: bytes.length, chunkSize });
  for (const index of [0, 1]) {
    const chunk = bytes.subarray(index * chunkSize, (index + 1) * chunkSize);
    const delivery = { uploadId: id, principal, index, declaredLength: chunk.length, digest: null };
    await dies.service.receiveChunk({ ...delivery, body: bodyOf(chunk) });
  }
  await dies.service.finisher.idle();
  await deletionOf(other).delete(digest, principal);
  expect(await isWhole(other)).toBe(false);
  expect(await inStore()).toEqual([digest]);
  await other.service.finisher.takeOver(await other.find(id), dies.deps.holder);
  expect((await other.ended(id)).phase.name).toBe('completed');
  expect(await isWhole(other)).toBe(true);
  // The next clean-up sees that it has come again.
  expect(await deletionOf(other).sweep()).toBe(1);
  expect(await isWhole(other)).toBe(true);
});

test('content that comes while the bytes of the deleted one are being removed waits, and puts its own in place', async () => {
  const [node, other] = [await folder.open(), await folder.open()];
  await bring(node);
  let again: Promise<void> | null = null;
  const blobs = instead(node.deps.blobs, {
    removeAsset: async (id) => {
      again = bring(other);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await node.deps.blobs.removeAsset(id);
    },
  });
  await deletionOf(node, { blobs }).delete(digest, principal);
  await again;
  expect(await isWhole(other)).toBe(true);
});

test('an upload that would be completed by its digest alone asks for its bytes when the asset is deleted meanwhile', async () => {
  const other = await folder.open();
  await bring(other);
  const node = await folder.open({
    instead: () => ({ creationGate: { admit: () => deletionOf(other).delete(digest, principal) } }),
  });
  const expectedDigest = { algorithm: 'sha-256', value: digest } as const;
  const upload = await node.create({ intake: 'grid', size: bytes.length, chunkSize, expectedDigest });
  expect(upload.phase.name).toBe('receiving');
  expect(await isWhole(node)).toBe(false);
});

test('what a failing disk leaves is removed by the next clean-up; who works on a step meanwhile leaves nothing for good', async () => {
  const node = await folder.open();
  await bring(node);
  let fails = true;
  const blobs = instead(node.deps.blobs, {
    removeAsset: async (id) => {
      if (fails) throw new HoldfastError('unavailable', 'The disk failed (test).');
      await node.deps.blobs.removeAsset(id);
    },
  });
  let minutes = 0;
  const clock = instead(systemClock, { now: () => systemClock.now() + minutes * 60_000 });
  const deletion = deletionOf(node, { blobs, clock });
  await deletion.delete(digest, principal);
  expect(await isWhole(node)).toBe(false);
  expect(await inStore()).toEqual([digest]);
  await expect(deletion.delete(digest, principal)).rejects.toMatchObject({ code: 'asset-not-found' });
  expect(await deletion.sweep()).toBe(0);
  fails = false;
  expect(await deletion.sweep()).toBe(0);
  expect(await inStore()).toEqual([]);
  // An attempt that heard of it late may have published something: it is looked at once more.
  minutes = 11;
  expect(await deletion.sweep()).toBe(1);
  expect(await deletion.sweep()).toBe(0);
});

test.each(['deletion:after-commit', 'deletion:before-bytes', 'deletion:after-bytes'])(
  'killed at %s, the next clean-up goes on with it',
  async (killedAt) => {
    const node = await folder.open();
    await bring(node);
    let killed = false;
    const crash = (point: string) => {
      if (point !== killedAt || killed) return;
      killed = true;
      throw new Error('killed (test)');
    };
    await deletionOf(node, { crash })
      .delete(digest, principal)
      .catch(() => {});
    expect(killed).toBe(true);
    expect(await isWhole(node)).toBe(false);
    await deletionOf(node).sweep();
    expect(await inStore()).toEqual([]);
    await bring(node);
    expect(await isWhole(node)).toBe(true);
  },
);

test('another content is left alone', async () => {
  const node = await folder.open();
  const others = patternBytes(chunkSize, 4);
  const other = createHash('sha256').update(others).digest('hex');
  await bring(node);
  await bring(node, others);
  await deletionOf(node).delete(digest, principal);
  expect(await isWhole(node, other)).toBe(true);
  expect((await stat(join(folder.dir, 'assets', 'sha256', other.slice(0, 2), other))).size).toBe(chunkSize);
});
