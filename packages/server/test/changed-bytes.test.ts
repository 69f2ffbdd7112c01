/** A1, E1: bytes that change under an upload after they were hashed or recorded, by the disk or by another process: what completes is what was acknowledged. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type FileIo, nodeFileIo } from '../src/blobs/disk/file-io.ts';
import { HoldfastError } from '../src/core/errors.ts';
import { bodyOf, patternBytes } from '../src/testing/body.ts';
import { dropDamaged } from '../src/uploads/repair.ts';
import { AppendFolder, type AppendNode, principal } from './append-node.ts';
import { sha256 } from './running-node.ts';

const chunkSize = 384 * 1024;
const chunks = 4;
const bytes = patternBytes(chunks * chunkSize - 7, 3);

let folder: AppendFolder;
let one: AppendNode;
let two: AppendNode;
beforeEach(async () => {
  folder = await AppendFolder.make();
  one = await folder.open();
  two = await folder.open();
});
afterEach(() => folder[Symbol.asyncDispose]());

/** As a disk that gives back something else than it was given. */
async function damage(id: string, offset: number): Promise<void> {
  const file = await open(join(folder.dir, 'incoming', id), 'r+');
  await file.write(Buffer.alloc(1000, 0xaa), 0, 1000, offset);
  await file.close();
}

async function chunk(node: AppendNode, uploadId: string, index: number): Promise<boolean> {
  const content = bytes.slice(index * chunkSize, (index + 1) * chunkSize);
  const delivery = { uploadId, principal, index, declaredLength: content.length, digest: null };
  const receipt = await node.service.receiveChunk({ ...delivery, body: bodyOf(content, { batchBytes: 64 * 1024 }) });
  return !receipt.duplicate;
}

type Send = (node: AppendNode, uploadId: string, index: number) => Promise<unknown>;

const intakes: readonly (readonly [string, () => Promise<{ id: string }>, Send])[] = [
  ['chunks', () => one.create({ intake: 'grid', size: bytes.length, chunkSize }), chunk],
  [
    'appended bytes',
    () => one.create({ size: bytes.length }),
    (node, id, index) => node.append(id, index * chunkSize, bytes.subarray(index * chunkSize, (index + 1) * chunkSize)),
  ],
];

async function missing(node: AppendNode, id: string): Promise<readonly number[]> {
  const upload = await node.find(id);
  if (upload.intake === 'grid') return (await node.service.status({ id, principal })).missingChunks;
  return Array.from({ length: chunks }, (_, index) => index).slice(upload.receivedBytes / chunkSize);
}

async function isCompleted(node: AppendNode, id: string): Promise<void> {
  expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
  expect(await node.deps.blobs.rehashAsset(sha256(bytes))).toBe(sha256(bytes));
}

describe.each(intakes)('%s', (_name, create, send) => {
  test('said to be gone while they are there: nothing of them is given up', async () => {
    const { id } = await create();
    await send(one, id, 0);
    await send(one, id, 1);
    const gone = new HoldfastError('storage-damaged', 'They are gone (test).');
    for (const method of ['write', 'append'] as const) vi.spyOn(one.deps.blobs, method).mockRejectedValueOnce(gone);
    await expect(send(one, id, 2)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await missing(one, id)).toEqual([2, 3]);
    for (const index of [2, 3]) await send(one, id, index);
    await isCompleted(one, id);
    const events = await one.deps.store.events({ subject: { kind: 'upload', id }, after: 0, limit: 100 });
    expect(events.map(({ type }) => type)).not.toContain('bytes-dropped');
  });

  test('hashed by one process while they were damaged, asked for again by another one, finished by the first', async () => {
    const { id } = await create();
    await send(one, id, 0);
    await send(one, id, 1);
    await damage(id, chunkSize + 5);
    // What was followed so far is hashed now.
    await one.deps.blobs.digest(id, 2 * chunkSize);
    expect(await dropDamaged(two.deps, id, 'test')).toBeGreaterThan(0);
    for (const index of await missing(two, id)) if (index < 2) await send(two, id, index);
    for (const index of await missing(one, id)) await send(one, id, index);
    await isCompleted(one, id);
  });

  test('hashed while they were damaged, without anybody noticing until the end', async () => {
    const { id } = await create();
    await send(one, id, 0);
    await damage(id, 5);
    for (let index = 1; index < chunks; index += 1) await send(one, id, index);
    await expect.poll(async () => (await two.find(id)).phase.name).toBe('receiving');
    for (const index of await missing(two, id)) await send(two, id, index);
    await isCompleted(two, id);
  });
});

/** A node that stands still before one of its writes reaches the file, as a process that is stopped there. */
async function standingStill(): Promise<{ node: AppendNode; reached: Promise<void>; goOn(): void }> {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const io: FileIo = {
    ...nodeFileIo,
    writev: async (...args) => {
      reached.resolve();
      await gate.promise;
      return await nodeFileIo.writev(...args);
    },
  };
  const node = await folder.open({ io, claimsGoodForMs: 300 });
  return { node, reached: reached.promise, goOn: () => gate.resolve() };
}

describe('a process that lost its place and writes other bytes there', () => {
  /** An upload in which the second chunk was recorded after it had been taken over from a process that is about to write. */
  async function takenOver() {
    const still = await standingStill();
    const { id } = await one.create({ intake: 'grid', size: bytes.length, chunkSize });
    await chunk(one, id, 0);
    const body = bodyOf(new Uint8Array(chunkSize).fill(0xbb), { batchBytes: chunkSize });
    const delivery = { uploadId: id, principal, index: 1, declaredLength: chunkSize, digest: null, body };
    const late = still.node.service.receiveChunk(delivery).catch((error: unknown) => error);
    await still.reached;
    still.node.freeze();
    await chunk(two, id, 1);
    expect((await two.find(id)).doubt).toBe('writers');
    return { id, goOn: still.goOn, late };
  }

  test('before the end: they are found and asked for again', async () => {
    const { id, goOn, late } = await takenOver();
    goOn();
    expect(await late).toMatchObject({ code: 'chunk-conflict' });
    await chunk(one, id, 2);
    await chunk(one, id, 3);
    await expect.poll(async () => (await two.find(id)).phase.name).toBe('receiving');
    expect(await missing(two, id)).toEqual([1]);
    await chunk(two, id, 1);
    await isCompleted(two, id);
  });

  test('after the end: they reach nothing that counts', async () => {
    const { id, goOn, late } = await takenOver();
    await chunk(one, id, 2);
    await chunk(one, id, 3);
    await isCompleted(one, id);
    goOn();
    expect(await late).toBeInstanceOf(Error);
    await isCompleted(one, id);
  });

  test('one that is not even begun is not written any more', async () => {
    const still = await standingStill();
    still.goOn();
    const { id } = await one.create({ intake: 'grid', size: bytes.length, chunkSize });
    await chunk(one, id, 0);
    const goOn = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const body = bodyOf(new Uint8Array(chunkSize).fill(0xbb), {
      batchBytes: chunkSize,
      beforeBatch: async () => {
        begun.resolve();
        await goOn.promise;
      },
    });
    const delivery = { uploadId: id, principal, index: 1, declaredLength: chunkSize, digest: null, body };
    const late = still.node.service.receiveChunk(delivery).catch((error: unknown) => error);
    await begun.promise;
    still.node.freeze();
    await chunk(two, id, 1);
    goOn.resolve();
    expect(await late).toMatchObject({ code: 'lease-lost' });
    await chunk(one, id, 2);
    await chunk(one, id, 3);
    await isCompleted(one, id);
  });
});
