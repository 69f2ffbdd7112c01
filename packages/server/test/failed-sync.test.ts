/** A1: a disk that fails to sync under `committed`: the bytes are asked for again, and what is completed is on disk. */
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

async function backInReceiving(id: string): Promise<void> {
  await expect.poll(async () => (await node.find(id)).phase.name, { timeout: 10_000 }).toBe('receiving');
  expect(failures).toBe(1);
}

test('chunks are asked for again, and the upload completes when they have come', async () => {
  const { id } = await node.create({ intake: 'grid', size: bytes.length, chunkSize });
  const send = async (index: number) => {
    const chunk = bytes.slice(index * chunkSize, (index + 1) * chunkSize);
    const delivery = { uploadId: id, principal, index, declaredLength: chunk.length, digest: null };
    return await node.service.receiveChunk({ ...delivery, body: bodyOf(chunk, { batchBytes: 10_000 }) });
  };
  for (let index = 0; index < 6; index += 1) await send(index);
  await backInReceiving(id);
  const missing = (await node.service.status({ id, principal })).missingChunks;
  expect(missing.length).toBeGreaterThan(0);
  await expect(node.service.complete({ id, principal }, 0)).rejects.toMatchObject({ code: 'missing-chunks' });
  for (const index of missing) expect((await send(index)).duplicate).toBe(false);
  // Chunks are given up one after the other: more of them may be asked for while the first come again.
  const sendMissing = async () => {
    const { missingChunks } = await node.service.status({ id, principal });
    for (const index of missingChunks) await send(index);
    return (await node.find(id)).phase.name;
  };
  await expect.poll(sendMissing, { timeout: 20_000 }).toBe('completed');
  expect((await node.find(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
});

test('an appended file goes on at what is left of it', async () => {
  const { id } = await node.create({ size: bytes.length });
  await node.append(id, 0, bytes);
  await backInReceiving(id);
  const { receivedBytes } = await node.find(id);
  expect(receivedBytes).toBeLessThan(bytes.length);
  await node.append(id, receivedBytes, bytes.subarray(receivedBytes));
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
