/** Syncs behind the writers: little is left for the one that is waited for, and a failure is not forgotten. */
import { afterEach, describe, expect, test } from 'vitest';
import { bodyOf, patternBytes, type TestBody } from '../../testing/body.ts';
import { Openings, sha256Hex, writeBytes } from '../../testing/faulty-disk.ts';
import { type FileFaults, systemError } from '../with-faults.ts';
import { nodeFileIo } from './file-io.ts';

const openings = new Openings();
afterEach(() => openings.undo());

const half = 20 * 1024 * 1024;
const bytes = patternBytes(2 * half);
const id = '01a1fc71-57d6-74c5-a00c-e4d9ad2f2ffa';

describe('`committed`: nobody waits for a sync before the end', () => {
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
});

describe('`synced`: each chunk waits for a sync', () => {
  const MiB = 1024 * 1024;
  const chunk = bytes.subarray(0, 6 * MiB);

  /** An upload of the size, and what the disk is asked for from then on. */
  async function disk(size: number, failing: (call: string, nth: number) => boolean) {
    const calls: string[] = [];
    let prepared = false;
    const { blobs } = await openings.disk({
      failing: (call) => {
        if (!prepared) return null;
        calls.push(call);
        return failing(call, calls.filter((known) => known === call).length) ? systemError('EIO') : null;
      },
    });
    await blobs.prepare(id, size);
    prepared = true;
    return { blobs, calls };
  }

  /** A chunk that stops after 4 of its 6 MiB until a sync began behind it. */
  async function halted(failing: (call: string, nth: number) => boolean) {
    const { blobs, calls } = await disk(chunk.length, failing);
    const body = bodyOf(chunk, {
      beforeBatch: async (sent) => {
        if (sent === 4 * MiB) await expect.poll(() => calls).toContain('fdatasync');
      },
    });
    const write = blobs.write({ uploadId: id, offset: 0, length: chunk.length, body, digests: [] });
    return { blobs, calls, write };
  }

  test('B6: one begins while the chunk arrives, and the receipt waits for another that begins after its last byte', async () => {
    const { blobs, calls, write } = await halted(() => false);
    await write;
    const writtenWhole = calls.length;
    await blobs.sync(id);
    expect(calls.slice(writtenWhole)).toContain('fdatasync');
    await blobs.place(id, chunk.length, sha256Hex(chunk));
    expect(await blobs.rehashAsset(sha256Hex(chunk))).toBe(sha256Hex(chunk));
  });

  test('B6: when it fails, the chunk is not taken, and its bytes can come again', async () => {
    const { blobs, write } = await halted((call, nth) => call === 'fdatasync' && nth === 1);
    await expect(write).rejects.toMatchObject({ code: 'unavailable' });
    await writeBytes(blobs, id, { bytes: chunk });
    await blobs.sync(id);
    await blobs.place(id, chunk.length, sha256Hex(chunk));
    expect(await blobs.rehashAsset(sha256Hex(chunk))).toBe(sha256Hex(chunk));
  });

  test('B6: when it fails behind bytes that are appended, none of them count, and they can come again', async () => {
    const { blobs, calls } = await disk(chunk.length, (call, nth) => call === 'fdatasync' && nth === 1);
    const append = (body: TestBody) =>
      blobs.append({
        ...{ uploadId: id, offset: 0, lengthMax: chunk.length, body, digests: [] },
        isEnough: () => false,
        mayWrite: () => true,
      });
    const beforeBatch = async (sent: number) => {
      if (sent === 4 * MiB) await expect.poll(() => calls).toContain('fdatasync');
    };
    await expect(append(bodyOf(chunk, { beforeBatch }))).rejects.toMatchObject({ code: 'unavailable' });
    expect(await append(bodyOf(chunk))).toMatchObject({ length: chunk.length, end: 'body' });
    await blobs.sync(id);
    await blobs.place(id, chunk.length, sha256Hex(chunk));
    expect(await blobs.rehashAsset(sha256Hex(chunk))).toBe(sha256Hex(chunk));
  });

  test('B6: a chunk whose last bytes were written while it ran and failed is not acknowledged, although the next sync succeeds', async () => {
    const first = Promise.withResolvers<void>();
    let syncs = 0;
    const fdatasync = async (fd: number) => {
      syncs += 1;
      if (syncs === 1) await first.promise;
      else await nodeFileIo.fdatasync(fd);
    };
    const { blobs } = await openings.disk({}, { io: { ...nodeFileIo, fdatasync } });
    await blobs.prepare(id, chunk.length);
    await writeBytes(blobs, id, { bytes: chunk });
    expect(syncs).toBe(1);
    const receipt = blobs.sync(id);
    first.reject(systemError('EIO'));
    await expect(receipt).rejects.toMatchObject({ code: 'unavailable' });
    expect(syncs).toBe(2);
    expect(blobs.lost(id)).toEqual([{ start: 0, end: chunk.length }]);
    await writeBytes(blobs, id, { bytes: chunk });
    await blobs.sync(id);
    expect(blobs.lost(id)).toEqual([]);
  });

  test('B6: a chunk that was written before it fails is not acknowledged', async () => {
    const { blobs, calls } = await disk(2 * chunk.length, (call, nth) => call === 'fdatasync' && nth === 1);
    const small = bytes.subarray(0, MiB);
    await writeBytes(blobs, id, { bytes: small });
    const write = writeBytes(blobs, id, { bytes: chunk, offset: MiB });
    write.catch(() => {});
    await expect.poll(() => calls).toContain('fdatasync');
    await expect(write).rejects.toMatchObject({ code: 'unavailable' });
    await expect(blobs.sync(id)).rejects.toMatchObject({ code: 'unavailable' });
    expect(blobs.lost(id)).toEqual([{ start: 0, end: MiB }]);
    await writeBytes(blobs, id, { bytes: small });
    await blobs.sync(id);
    expect(blobs.lost(id)).toEqual([]);
  });
});
