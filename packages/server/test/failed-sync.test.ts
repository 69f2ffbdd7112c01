/** A1: a disk that fails to sync under `committed`: the bytes are copied, what of them is gone is asked for again, and what is completed is on disk. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FileIo, nodeFileIo } from '../src/blobs/disk/file-io.ts';
import { systemError, withFileFaults } from '../src/blobs/with-faults.ts';
import { bodyOf, patternBytes } from '../src/testing/body.ts';
import { AppendNode, principal } from './append-node.ts';
import { sha256 } from './running-node.ts';

let dir = '';
let node: AppendNode;
let failures = 0;
let io: FileIo;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-sync-'));
  failures = 0;
  io = withFileFaults(nodeFileIo, {
    failing: (call) => {
      if (call !== 'fdatasync' || failures > 0) return null;
      failures += 1;
      return systemError('EIO');
    },
  });
  node = await AppendNode.open({ dir, io, durability: 'committed' });
});
afterEach(async () => {
  await node.close();
  await rm(dir, { recursive: true });
});

/** The same under `synced`: the next sync fails. */
async function reopenedSynced(): Promise<void> {
  await node.close();
  failures = 0;
  node = await AppendNode.open({ dir, io, durability: 'synced' });
}

const chunkSize = 64 * 1024;
const bytes = patternBytes(5 * chunkSize + 7);

async function send(id: string, indexes: readonly number[]): Promise<void> {
  for (const index of indexes) {
    const chunk = bytes.slice(index * chunkSize, (index + 1) * chunkSize);
    const delivery = { uploadId: id, principal, index, declaredLength: chunk.length, digest: null };
    await node.service.receiveChunk({ ...delivery, body: bodyOf(chunk, { batchBytes: 10_000 }) });
  }
}

test('chunks whose sync failed are copied and verified, not asked for again', async () => {
  const { id } = await node.create({ intake: 'grid', size: bytes.length, chunkSize });
  await send(id, [0, 1, 2, 3, 4, 5]);
  expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
  expect(failures).toBe(1);
});

test('so is a file that was appended, also where no byte may be asked for again', async () => {
  const { id } = await node.create({ size: bytes.length, ends: 'by-client' });
  await node.append(id, 0, bytes.subarray(0, chunkSize));
  await node.append(id, chunkSize, bytes.subarray(chunkSize), { end: true });
  expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
  expect(failures).toBe(1);
});

test('what the disk gives back as something else then is asked for again', async () => {
  await node.close();
  failures = 0;
  const forgetful: FileIo = {
    ...io,
    fdatasync: async (fd) => {
      const before = failures;
      await io.fdatasync(fd).finally(async () => {
        // The page is gone from memory, and the disk has what was there before.
        if (failures > before) await nodeFileIo.writev(fd, [new Uint8Array(10)], chunkSize + 100);
      });
    },
  };
  node = await AppendNode.open({ dir, io: forgetful, durability: 'committed' });
  const { id } = await node.create({ intake: 'grid', size: bytes.length, chunkSize });
  await send(id, [0, 1, 2, 3, 4, 5]);
  await expect(node.service.complete({ id, principal }, 10_000)).rejects.toMatchObject({ code: 'missing-chunks' });
  expect((await node.service.status({ id, principal })).missingChunks).toEqual([1]);
  await send(id, [1]);
  expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
});

test('`synced`: of bytes that were not kept and come again, what arrives counts, also when the connection breaks earlier this time', async () => {
  await reopenedSynced();
  const { id } = await node.create({ size: bytes.length });
  await expect(node.append(id, 0, bytes)).rejects.toMatchObject({ code: 'unavailable' });
  expect((await node.find(id)).receivedBytes).toBe(0);
  await node.append(id, 0, bytes.subarray(0, chunkSize));
  expect((await node.find(id)).receivedBytes).toBe(chunkSize);
  await node.append(id, chunkSize, bytes.subarray(chunkSize));
  expect((await node.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
});
