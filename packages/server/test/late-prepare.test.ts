/** A1: a process that stands still before it makes the file of an upload, and goes on when another one has put the bytes away. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FileIo, nodeFileIo } from '../src/blobs/disk/file-io.ts';
import { bodyOf, patternBytes } from '../src/testing/body.ts';
import { recover } from '../src/uploads/recover.ts';
import { AppendFolder, type AppendNode, principal } from './append-node.ts';
import { sha256 } from './running-node.ts';

const chunkSize = 300_000;
const bytes = patternBytes(2 * chunkSize, 11);
const digest = sha256(bytes);

let folder: AppendFolder;
beforeEach(async () => {
  folder = await AppendFolder.make();
});
afterEach(() => folder[Symbol.asyncDispose]());

async function chunk(node: AppendNode, uploadId: string, index: number): Promise<void> {
  const content = bytes.subarray(index * chunkSize, (index + 1) * chunkSize);
  const delivery = { uploadId, principal, index, declaredLength: content.length, digest: null };
  await node.service.receiveChunk({ ...delivery, body: bodyOf(content) });
}

/** An upload with a chunk that stands still before the upload has a file. */
async function standingStill() {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const io: FileIo = {
    ...nodeFileIo,
    open: async (path, flags) => {
      if (path.includes('incoming')) {
        reached.resolve();
        await gate.promise;
      }
      return await nodeFileIo.open(path, flags);
    },
  };
  const still = await folder.open({ io, claimsGoodForMs: 300 });
  const { id } = await still.create({ intake: 'grid', size: bytes.length, chunkSize });
  const late = chunk(still, id, 0).catch((error: unknown) => error);
  await reached.promise;
  still.freeze();
  return {
    id,
    goOn: async () => {
      gate.resolve();
      return await late;
    },
  };
}

test('the asset stays what it is when who finished the upload died between the renaming and the record', async () => {
  const { id, goOn } = await standingStill();
  const dying = await folder.open({
    crash: (name) => {
      if (name === 'completion:after-place') throw new Error('the process died here (test)');
    },
  });
  for (const index of [0, 1]) await chunk(dying, id, index);
  await dying.service.finisher.idle();
  expect((await dying.find(id)).phase.name).toBe('assembling');
  expect(await goOn()).toMatchObject({ code: 'lease-lost' });
  expect(await readdir(join(folder.dir, 'incoming'))).toEqual([id]);
  const next = await folder.open();
  await recover(next.deps, next.service.finisher, { distrustBytes: false, retired: [dying.deps.holder] });
  expect((await next.ended(id)).phase).toMatchObject({ name: 'completed', assetId: digest });
  expect(await next.deps.blobs.rehashAsset(digest)).toBe(digest);
  expect(await readdir(join(folder.dir, 'incoming'))).toEqual([]);
});

test('it leaves no file behind when the upload has been completed meanwhile', async () => {
  const { id, goOn } = await standingStill();
  const other = await folder.open();
  for (const index of [0, 1]) await chunk(other, id, index);
  expect((await other.ended(id)).phase.name).toBe('completed');
  expect(await goOn()).toMatchObject({ code: 'lease-lost' });
  expect(await readdir(join(folder.dir, 'incoming'))).toEqual([]);
  expect(await other.deps.blobs.rehashAsset(digest)).toBe(digest);
});
