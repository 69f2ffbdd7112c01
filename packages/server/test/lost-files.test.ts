/** A1: somebody removed an upload's file while it was being sent, by several requests and processes at once. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bodyOf, patternBytes } from '../src/testing/body.ts';
import { instead } from '../src/testing/stand-in.ts';
import { dropDamaged } from '../src/uploads/repair.ts';
import { AppendFolder, type AppendNode, principal } from './append-node.ts';
import { sha256 } from './running-node.ts';

const chunkSize = 64 * 1024;
const bytes = patternBytes(2 * chunkSize, 3);

let folder: AppendFolder;
beforeEach(async () => {
  folder = await AppendFolder.make();
});
afterEach(() => folder[Symbol.asyncDispose]());

async function send(node: AppendNode, uploadId: string, index: number): Promise<void> {
  const chunk = bytes.subarray(index * chunkSize, (index + 1) * chunkSize);
  const delivery = { uploadId, principal, index, declaredLength: chunk.length, digest: null };
  await node.service.receiveChunk({ ...delivery, body: bodyOf(chunk, { batchBytes: 10_000 }) });
}

test('a chunk that came again and was taken is not given up for the one that was damaged', async () => {
  const other = await folder.open();
  let again: Promise<void> | null = null;
  const node = await folder.open({
    instead: ({ blobs }) => ({
      blobs: instead(blobs, {
        checksum: async (uploadId, range) => {
          const found = await blobs.checksum(uploadId, range);
          again ??= dropDamaged(other.deps, uploadId, 'another one was faster (test)').then(() =>
            send(other, uploadId, 0),
          );
          await again;
          return found;
        },
      }),
    }),
  });
  const { id } = await node.create({ intake: 'grid', size: bytes.length, chunkSize });
  await send(node, id, 0);
  await writeFile(join(folder.dir, 'incoming', id), bytes.subarray(chunkSize));
  await dropDamaged(node.deps, id, 'damaged (test)');
  expect((await other.find(id)).receivedBytes).toBe(chunkSize);
  await send(other, id, 1);
  expect((await other.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
});

test('a chunk that comes again while another request still puts things in order is not taken away with what was there', async () => {
  const other = await folder.open();
  let id = '';
  let again: Promise<void> | null = null;
  const node = await folder.open({
    instead: ({ blobs }) => {
      const after = (name: 'discard' | 'makeWay') => async (uploadId: string) => {
        again ??= send(other, id, 0);
        await again;
        await blobs[name](uploadId);
      };
      return { blobs: instead(blobs, { discard: after('discard'), makeWay: after('makeWay') }) };
    },
  });
  ({ id } = await node.create({ intake: 'grid', size: bytes.length, chunkSize }));
  await send(node, id, 0);
  await rm(join(folder.dir, 'incoming', id));
  await expect(send(node, id, 1)).rejects.toMatchObject({ code: 'unavailable' });
  expect(again).not.toBeNull();
  await send(other, id, 1);
  expect((await other.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
});
