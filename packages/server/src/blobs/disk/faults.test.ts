/** The disk store when the disk does not behave: full, failing, tampered with. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { uuidv7 } from '../../platform/uuidv7.ts';
import { bodyOf, patternBytes } from '../../testing/body.ts';
import { Openings, sha256Hex, storedUpload, writeBytes } from '../../testing/faulty-disk.ts';
import { type FileFaults, systemError } from '../with-faults.ts';

const kib = 1024;
const openings = new Openings();
afterEach(() => openings.undo());

describe('the incoming file is not what it was', () => {
  test('removed: writing and syncing is damage, with and without an open descriptor, and it is not made again', async () => {
    const { blobs, incoming, dir } = await openings.disk();
    const id = await storedUpload(blobs, patternBytes(1000));
    unlinkSync(incoming(id));
    await expect(writeBytes(blobs, id, { bytes: patternBytes(10) })).rejects.toMatchObject({ code: 'storage-damaged' });
    const again = (await openings.disk({}, { dir })).blobs;
    await expect(writeBytes(again, id, { bytes: patternBytes(10) })).rejects.toMatchObject({ code: 'storage-damaged' });
    await expect(again.sync(id)).rejects.toMatchObject({ code: 'storage-damaged' });
    expect(existsSync(incoming(id))).toBe(false);
  });

  test('removed between write and sync: nothing is acknowledged', async () => {
    const { blobs, incoming } = await openings.disk();
    const id = uuidv7();
    await blobs.prepare(id, 1000);
    await writeBytes(blobs, id, { bytes: patternBytes(1000) });
    unlinkSync(incoming(id));
    await expect(blobs.sync(id)).rejects.toMatchObject({ code: 'storage-damaged' });
  });

  test('a link, a folder, a pipe or a second name is refused and left alone', async () => {
    const { blobs, incoming, dir } = await openings.disk();
    const victim = join(dir, 'victim');
    writeFileSync(victim, 'precious');
    const ids = [uuidv7(), uuidv7(), uuidv7(), uuidv7()] as const;
    symlinkSync(victim, incoming(ids[0]));
    mkdirSync(incoming(ids[1]));
    execFileSync('mkfifo', [incoming(ids[2])]);
    execFileSync('ln', [victim, incoming(ids[3])]);
    for (const id of ids) {
      await expect(blobs.prepare(id, 100)).rejects.toMatchObject({ code: 'storage-damaged' });
      await expect(writeBytes(blobs, id, { bytes: patternBytes(8) })).rejects.toMatchObject({
        code: 'storage-damaged',
      });
      await expect(blobs.place(id, 8, sha256Hex(patternBytes(8)))).rejects.toMatchObject({ code: 'storage-damaged' });
    }
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  test('ids that are not well-formed never become paths', async () => {
    const { blobs } = await openings.disk();
    for (const id of ['../../etc/x', 'short', 'UPPERCASE-ID', 'a'.repeat(65), 'aaaaaaaa/b', 'aaaaaaaa\0']) {
      await expect(blobs.prepare(id, 1)).rejects.toThrow('upload id');
    }
    await expect(blobs.localAsset('../x')).rejects.toThrow('digest');
  });
});

describe('a failing disk', () => {
  test('no room halfway: insufficient-storage, what was stored is kept, and it goes on when there is room again', async () => {
    const faults: FileFaults = {};
    const { blobs } = await openings.disk(faults);
    const bytes = patternBytes(512 * kib);
    const id = uuidv7();
    await blobs.prepare(id, bytes.byteLength);
    await writeBytes(blobs, id, { bytes: bytes.slice(0, 128 * kib) });
    faults.spaceLeftBytes = 100_000;
    await expect(writeBytes(blobs, id, { bytes: bytes.slice(128 * kib), offset: 128 * kib })).rejects.toMatchObject({
      code: 'insufficient-storage',
      retryable: true,
    });
    delete faults.spaceLeftBytes;
    await writeBytes(blobs, id, { bytes: bytes.slice(128 * kib), offset: 128 * kib });
    expect(await blobs.digest(id, bytes.byteLength)).toBe(sha256Hex(bytes));
  });

  test.each([
    ['EIO', 'unavailable'],
    ['EDQUOT', 'insufficient-storage'],
    ['EROFS', 'unavailable'],
  ])('%s while writing is %s, with its cause', async (errno, code) => {
    const faults: FileFaults = {};
    const { blobs } = await openings.disk(faults);
    const id = await storedUpload(blobs, patternBytes(1000));
    faults.failing = (call) => (call === 'writev' ? systemError(errno) : null);
    await expect(writeBytes(blobs, id, { bytes: patternBytes(1000, 2) })).rejects.toMatchObject({
      code,
      cause: { code: errno },
    });
  });

  test('after a failed sync no later sync counts until those bytes were written again', async () => {
    const faults: FileFaults = {};
    const { blobs } = await openings.disk(faults);
    const [a, b] = [patternBytes(1000, 1), patternBytes(1000, 2)];
    const id = uuidv7();
    await blobs.prepare(id, 2000);
    await writeBytes(blobs, id, { bytes: a });
    await writeBytes(blobs, id, { bytes: b, offset: 1000 });
    faults.failing = (call) => (call === 'fdatasync' ? systemError('EIO') : null);
    const results = await Promise.allSettled([blobs.sync(id), blobs.sync(id)]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
    delete faults.failing;
    await expect(blobs.sync(id)).rejects.toMatchObject({ code: 'unavailable' });
    await writeBytes(blobs, id, { bytes: a });
    await expect(blobs.sync(id)).rejects.toMatchObject({
      code: 'unavailable',
      details: { ranges: [{ start: 1000, end: 2000 }] },
    });
    await expect(blobs.place(id, 2000, sha256Hex(Buffer.concat([a, b])))).rejects.toMatchObject({
      code: 'unavailable',
    });
    await expect(blobs.sync(id)).rejects.toMatchObject({ code: 'unavailable' });
    await writeBytes(blobs, id, { bytes: b, offset: 1000 });
    await blobs.sync(id);
  });

  test('a write that was under way when a sync failed does not count', async () => {
    const faults: FileFaults = { failing: (call) => (call === 'fdatasync' ? systemError('EIO') : null) };
    const { blobs } = await openings.disk(faults);
    const bytes = patternBytes(128 * kib);
    const id = uuidv7();
    await blobs.prepare(id, bytes.byteLength);
    const body = bodyOf(bytes, {
      batchBytes: 64 * kib,
      beforeBatch: async (sent) => {
        if (sent === 64 * kib) await expect(blobs.sync(id)).rejects.toMatchObject({ code: 'unavailable' });
      },
    });
    const request = { uploadId: id, offset: 0, length: bytes.byteLength, body, digests: [] };
    await expect(blobs.write(request)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('a copy that found no room takes none: the next try finds what there is', async () => {
    const faults: FileFaults = {};
    const { blobs, dir } = await openings.disk(faults);
    const bytes = patternBytes(100 * kib);
    const id = await storedUpload(blobs, bytes);
    faults.spaceLeftBytes = 50 * kib;
    await expect(blobs.isolate(id, bytes.byteLength)).rejects.toMatchObject({ code: 'insufficient-storage' });
    expect(readdirSync(join(dir, 'scratch')).filter((name) => name.includes(id))).toEqual([]);
    delete faults.spaceLeftBytes;
    await blobs.isolate(id, bytes.byteLength);
    expect(await blobs.digest(id, bytes.byteLength)).toBe(sha256Hex(bytes));
  });

  test('a size that the disk does not take is refused in the same way each time, and leaves nothing', async () => {
    const { blobs, incoming } = await openings.disk({
      failing: (call) => (call === 'truncate' ? systemError('EFBIG') : null),
    });
    const id = uuidv7();
    for (let i = 0; i < 3; i += 1)
      await expect(blobs.prepare(id, 1000)).rejects.toMatchObject({ code: 'insufficient-storage' });
    expect(existsSync(incoming(id))).toBe(false);
  });

  test('reserve: what is kept free is never promised', async () => {
    const { blobs } = await openings.disk({}, { reserveBytes: Number.MAX_SAFE_INTEGER });
    await expect(blobs.prepare(uuidv7(), 1)).rejects.toMatchObject({ code: 'insufficient-storage' });
    expect(await blobs.freeBytes()).toBe(0);
  });
});

describe('a really full disk', () => {
  const mount = mkdtempSync(join(tmpdir(), 'holdfast-tmpfs-'));
  let reason = '';
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mount], { stdio: 'pipe' });
    execFileSync('umount', [mount]);
  } catch (error) {
    reason = `a tmpfs cannot be mounted here: ${String(error)}`;
  }

  test.skipIf(reason !== '')(`tmpfs of 8 MiB ${reason}`, async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mount]);
    openings.add(() => {
      execFileSync('umount', [mount]);
      rmSync(mount, { recursive: true });
    });
    const { blobs, incoming } = await openings.disk({}, { dir: join(mount, 'data') });
    await expect(blobs.prepare(uuidv7(), 9 * kib * kib)).rejects.toMatchObject({ code: 'insufficient-storage' });
    const [first, second] = [uuidv7(), uuidv7()];
    await blobs.prepare(first, 6 * kib * kib);
    await blobs.prepare(second, 6 * kib * kib);
    const bytes = patternBytes(6 * kib * kib);
    await writeBytes(blobs, first, { bytes });
    await blobs.sync(first);
    await blobs.prepare(first, bytes.byteLength);
    await expect(writeBytes(blobs, second, { bytes })).rejects.toMatchObject({
      code: 'insufficient-storage',
      cause: { code: 'ENOSPC' },
    });
    expect(await blobs.digest(first, bytes.byteLength)).toBe(sha256Hex(bytes));
    await blobs.place(first, bytes.byteLength, sha256Hex(bytes));
    await blobs.discard(second);
    expect(existsSync(incoming(second))).toBe(false);
    await blobs.prepare(uuidv7(), kib * kib);
  });
});
