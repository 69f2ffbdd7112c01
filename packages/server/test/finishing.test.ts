/** A1: what goes wrong while an upload is finished: the database is away for a moment, somebody cancels, bytes of a part or an asset are gone. */
import { lstat, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { factsFrom } from '../src/blobs/disk/file-facts.ts';
import { nodeFileIo } from '../src/blobs/disk/file-io.ts';
import { systemError, withFileFaults } from '../src/blobs/with-faults.ts';
import { withOutsideAssets } from '../src/blobs/with-outside-assets.ts';
import { HoldfastError } from '../src/core/errors.ts';
import type { OutsideFiles } from '../src/core/ports/blob-stores.ts';
import { patternBytes } from '../src/testing/body.ts';
import { assetPath } from '../src/testing/local-paths.ts';
import type { UploadDependencies } from '../src/uploads/dependencies.ts';
import { recover } from '../src/uploads/recover.ts';
import { dropDamaged } from '../src/uploads/repair.ts';
import { AppendFolder, type AppendNode, principal } from './append-node.ts';
import { sha256 } from './running-node.ts';

const bytes = patternBytes(600_000, 5);
const [head, tail] = [bytes.subarray(0, 350_000), bytes.subarray(350_000)];

let folder: AppendFolder;
beforeEach(async () => {
  folder = await AppendFolder.make();
});
afterEach(() => folder[Symbol.asyncDispose]());

/** The object with some of its methods replaced. */
function overriding<T extends object>(sound: T, own: Partial<T>): T {
  return new Proxy(sound, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function part(node: AppendNode, content: Uint8Array): Promise<string> {
  const { id } = await node.create({ size: content.length, concatenation: { role: 'partial', uses: 0 } });
  await node.append(id, 0, content);
  return id;
}

test('the lease is renewed again after the database was away for one renewal', async () => {
  const { promise: hashed, resolve: go } = Promise.withResolvers<void>();
  let hashing = false;
  let decisions = 0;
  const node = await folder.open({
    limits: { finishLeaseMs: 300 },
    instead: ({ blobs, store }) => ({
      blobs: overriding(blobs, {
        hash: async (...wish) => {
          hashing = true;
          await hashed;
          return await blobs.hash(...wish);
        },
      }),
      store: overriding(store, {
        decide: async (...wish) => {
          if (hashing) decisions += 1;
          if (decisions === 1) throw new HoldfastError('unavailable', 'The database is away (test)');
          return await store.decide(...wish);
        },
      }),
    }),
  });
  const { id } = await node.create({ size: bytes.length });
  await node.append(id, 0, bytes);
  await expect.poll(() => decisions, { timeout: 5_000 }).toBeGreaterThan(2);
  go();
  expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
});

test('a concatenation that is cancelled while its parts are joined leaves nothing', async () => {
  let cancelling: Promise<unknown> | null = null;
  const node = await folder.open({
    instead: ({ blobs }) => ({
      blobs: overriding(blobs, {
        join: async (id, wish) => {
          cancelling = node.service.cancel({ id, principal });
          await cancelling;
          return await blobs.join(id, wish);
        },
      }),
    }),
  });
  const [a, b] = [await part(node, head), await part(node, tail)];
  const { id } = await node.create({ concatenation: { role: 'final', parts: [a, b, a] } });
  await expect.poll(() => cancelling).not.toBeNull();
  await node.service.finisher.idle();
  expect((await node.find(id)).phase.name).toBe('cancelled');
  expect((await readdir(join(folder.dir, 'incoming'))).sort()).toEqual([a, b].sort());
});

test('a concatenation that another process has finished meanwhile leaves nothing either', async () => {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const still = await folder.open({
    instead: ({ blobs }) => ({
      blobs: overriding(blobs, {
        join: async (id, wish) => {
          reached.resolve();
          await gate.promise;
          return await blobs.join(id, wish);
        },
      }),
    }),
  });
  const [a, b] = [await part(still, head), await part(still, tail)];
  const { id } = await still.create({ concatenation: { role: 'final', parts: [a, b, a] } });
  await reached.promise;
  const node = await folder.open();
  await recover(node.deps, node.service.finisher, { distrustBytes: false, retired: [still.deps.holder] });
  expect((await node.ended(id)).phase.name).toBe('completed');
  await node.service.finisher.idle();
  gate.resolve();
  await still.service.finisher.idle();
  expect(await readdir(join(folder.dir, 'incoming'))).toEqual([]);
});

test('an upload that is cancelled while it is hashed is not taken for a damaged one', async () => {
  const looked: string[] = [];
  let cancelling: Promise<unknown> | null = null;
  const node = await folder.open({
    instead: ({ blobs }) => ({
      blobs: overriding(blobs, {
        hash: async (id, ...wish) => {
          cancelling = node.service.cancel({ id, principal });
          await cancelling;
          return await blobs.hash(id, ...wish);
        },
        checksum: async (id, range) => {
          looked.push(id);
          return await blobs.checksum(id, range);
        },
      }),
    }),
  });
  const { id } = await node.create({ size: bytes.length });
  await node.append(id, 0, head);
  await node.append(id, head.length, tail);
  await expect.poll(() => cancelling).not.toBeNull();
  await node.service.finisher.idle();
  expect((await node.find(id)).phase.name).toBe('cancelled');
  expect(looked).toEqual([]);
  expect(await readdir(join(folder.dir, 'incoming'))).toEqual([]);
});

test('content that the store lost is not completed by its digest, but taken anew', async () => {
  const node = await folder.open();
  const first = await node.create({ size: bytes.length });
  await node.append(first.id, 0, bytes);
  await node.ended(first.id);
  const digest = sha256(bytes);
  const wish = { size: bytes.length, expectedDigest: { algorithm: 'sha-256', value: digest } } as const;
  expect((await node.create(wish)).phase.name).toBe('completed');
  await rm(await assetPath(node.deps.blobs, digest));
  const { id, phase } = await node.create(wish);
  expect(phase.name).toBe('receiving');
  await node.append(id, 0, bytes);
  expect((await node.ended(id)).phase.name).toBe('completed');
  expect(await node.deps.blobs.rehashAsset(digest)).toBe(digest);
});

test('bytes that the machine lost before they were synced do not take the place of an asset that has them', async () => {
  const small = patternBytes(100_000, 7);
  const node = await folder.open();
  const first = await node.create({ size: small.length });
  await node.append(first.id, 0, small);
  await node.ended(first.id);
  const dying = await folder.open({
    crash: (name) => {
      if (name === 'append:after-commit') throw new Error('the machine went down here (test)');
    },
  });
  const { id } = await dying.create({ size: small.length });
  await expect(dying.append(id, 0, small)).rejects.toThrow('the machine went down');
  await writeFile(join(folder.dir, 'incoming', id), new Uint8Array(small.length));
  await recover(node.deps, node.service.finisher, { distrustBytes: true, retired: [dying.deps.holder] });
  expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(small) });
  expect(await node.deps.blobs.rehashAsset(sha256(small))).toBe(sha256(small));
  expect(await readdir(join(folder.dir, 'incoming'))).toEqual([]);
});

test('an asset that stayed where it was found serves an upload whose bytes the machine lost', async () => {
  const small = patternBytes(100_000, 8);
  const path = Buffer.from(join(folder.dir, 'watched.bin'));
  await writeFile(path, small);
  const outside: OutsideFiles = new Map([
    [sha256(small), { path, facts: factsFrom(await lstat(path, { bigint: true })) }],
  ]);
  const instead = ({ blobs }: UploadDependencies) => ({
    blobs: withOutsideAssets(blobs, outside, async () => sha256(small)),
  });
  const dying = await folder.open({
    instead,
    crash: (name) => {
      if (name === 'append:after-commit') throw new Error('the machine went down here (test)');
    },
  });
  const { id } = await dying.create({ size: small.length });
  await expect(dying.append(id, 0, small)).rejects.toThrow('the machine went down');
  await writeFile(join(folder.dir, 'incoming', id), new Uint8Array(small.length));
  const node = await folder.open({ instead });
  await recover(node.deps, node.service.finisher, { distrustBytes: true, retired: [dying.deps.holder] });
  expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(small) });
  expect(await node.deps.blobs.assetSize(sha256(small))).toBe(small.length);
  expect(await readdir(join(folder.dir, 'incoming'))).toEqual([]);
});

test('bytes that are damaged a second time are asked for again although an asset has them', async () => {
  const small = patternBytes(100_000, 9);
  const node = await folder.open();
  const dying = await folder.open({
    crash: (name) => {
      if (name === 'append:after-commit') throw new Error('the process died here (test)');
    },
  });
  const { id } = await dying.create({ size: small.length });
  const damage = async () => {
    await expect(dying.append(id, 0, small)).rejects.toThrow('the process died');
    await writeFile(join(folder.dir, 'incoming', id), new Uint8Array(small.length));
  };
  await damage();
  expect(await dropDamaged(node.deps, id, 'found by verify (test)')).toBe(small.length);
  const other = await node.create({ size: small.length });
  await node.append(other.id, 0, small);
  await node.ended(other.id);
  await damage();
  await node.service.finisher.takeOver(await node.find(id), dying.deps.holder);
  await node.service.finisher.idle();
  expect((await node.find(id)).phase.name).toBe('receiving');
  await node.append(id, 0, small);
  expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(small) });
});

test.each(['its sync fails and other bytes are there', 'its file is gone'])(
  'a part is asked for again when %s',
  async (what) => {
    let failing = false;
    const io = withFileFaults(nodeFileIo, {
      failing: (call) => {
        if (call !== 'fdatasync' || !failing) return null;
        failing = false;
        return systemError('EIO');
      },
    });
    const node = await folder.open({ io });
    const [a, b] = [await part(node, head), await part(node, tail)];
    if (what !== 'its file is gone') {
      failing = true;
      await writeFile(join(folder.dir, 'incoming', a), new Uint8Array(head.length));
    } else await rm(join(folder.dir, 'incoming', a));
    const { id } = await node.create({ concatenation: { role: 'final', parts: [a, b] } });
    await node.service.concatenations.idle();
    expect(await node.find(a)).toMatchObject({ receivedBytes: 0, phase: { name: 'receiving' } });
    await node.append(a, 0, head);
    await expect
      .poll(async () => (await node.find(id)).phase, { timeout: 10_000 })
      .toMatchObject({ name: 'completed', assetId: sha256(bytes) });
  },
);

test('a concatenation fails, and does not try for ever, when bytes of its first part were given up meanwhile', async () => {
  const node = await folder.open();
  const dying = await folder.open({
    crash: (name) => {
      if (name === 'concatenation:after-join') throw new Error('the process died here (test)');
    },
  });
  const [a, b] = [await part(dying, head), await part(dying, tail)];
  const { id } = await dying.create({ concatenation: { role: 'final', parts: [a, b] } });
  await dying.service.concatenations.idle();
  expect((await node.find(id)).phase.name).toBe('validating');
  await writeFile(join(folder.dir, 'incoming', a), tail);
  expect(await dropDamaged(node.deps, a, 'found by verify (test)')).toBe(head.length);
  await node.service.finisher.takeOver(await node.find(id), dying.deps.holder);
  await node.service.finisher.idle();
  expect((await node.find(id)).phase).toMatchObject({ name: 'failed', code: 'storage-damaged' });
  expect((await node.find(b)).concatenation).toEqual({ role: 'partial', uses: 0 });
});
