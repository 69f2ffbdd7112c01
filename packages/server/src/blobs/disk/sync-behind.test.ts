/** Durability `committed`: nobody waits for a sync before the end, but one runs behind the writer, and its failure is not forgotten. */
import { afterEach, expect, test } from 'vitest';
import { patternBytes } from '../../testing/body.ts';
import { Openings, sha256Hex, writeBytes } from '../../testing/faulty-disk.ts';
import { type FileFaults, systemError } from '../with-faults.ts';

const openings = new Openings();
afterEach(() => openings.undo());

const half = 20 * 1024 * 1024;
const bytes = patternBytes(2 * half);
const id = '01a1fc71-57d6-74c5-a00c-e4d9ad2f2ffa';

/** Both halves written and "synced", which under `committed` waits for nothing. Resolves once a sync behind it was tried, if one is. */
async function written(faults: FileFaults) {
  const { blobs } = await openings.disk(faults, { durability: 'committed' });
  await blobs.prepare(id, bytes.length);
  for (const offset of [0, half]) {
    await writeBytes(blobs, id, { bytes: bytes.subarray(offset, offset + half), offset });
    await blobs.sync(id);
  }
  return blobs;
}

test('A1: a sync begins behind the writer once much is unsynced, and little is left for the end', async () => {
  let syncs = 0;
  const blobs = await written({
    failing: (call) => {
      if (call === 'fdatasync') syncs += 1;
      return null;
    },
  });
  await expect.poll(() => syncs).toBe(1);
  await blobs.place(id, bytes.length, sha256Hex(bytes));
  expect(await blobs.rehashAsset(sha256Hex(bytes))).toBe(sha256Hex(bytes));
});

test('A1: when it fails, the file is not placed until its bytes came again', async () => {
  let failures = 0;
  const faults: FileFaults = {
    failing: (call) => {
      if (call !== 'fdatasync' || failures > 0) return null;
      failures += 1;
      return systemError('EIO');
    },
  };
  const blobs = await written(faults);
  await expect.poll(() => failures).toBe(1);
  await expect(blobs.place(id, bytes.length, sha256Hex(bytes))).rejects.toMatchObject({ code: 'unavailable' });
  expect(await blobs.assetSize(sha256Hex(bytes))).toBeNull();
  await writeBytes(blobs, id, { bytes });
  await blobs.place(id, bytes.length, sha256Hex(bytes));
  expect(await blobs.rehashAsset(sha256Hex(bytes))).toBe(sha256Hex(bytes));
});
