/** A1, E1: bytes that change under an upload after they were hashed or recorded, by the disk or by another process: what completes is what was acknowledged. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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
