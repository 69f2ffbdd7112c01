/** Placing after crashes, and how many syncs and descriptors all this takes. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { uuidv7 } from '../../platform/uuidv7.ts';
import { patternBytes } from '../../testing/body.ts';
import { Openings, sha256Hex, storedUpload, writeBytes } from '../../testing/faulty-disk.ts';
import { assetPath } from '../../testing/local-paths.ts';
import { type FileFaults, systemError } from '../with-faults.ts';

const kib = 1024;
const openings = new Openings();
afterEach(() => openings.undo());

describe('place after a crash at any point', () => {
  const bytes = patternBytes(100 * kib, 31);
  const digest = sha256Hex(bytes);
  const writeBoth = (paths: { incoming: string; asset: string }, content: Uint8Array | string) => {
    for (const path of [paths.incoming, paths.asset]) writeFileSync(path, content);
  };
  async function crashed(prepareFiles: (paths: { incoming: string; asset: string }) => void) {
    const { blobs, incoming } = await openings.disk();
    const id = uuidv7();
    const paths = { incoming: incoming(id), asset: await assetPath(blobs, digest) };
    prepareFiles(paths);
    return { ...paths, blobs, place: () => blobs.place(id, bytes.byteLength, digest) };
  }

  test.each<[string, boolean, (paths: { incoming: string; asset: string }) => void]>([
    ['incoming there, asset not', true, ({ incoming }) => writeFileSync(incoming, bytes)],
    ['both there', true, ({ incoming, asset }) => writeBoth({ incoming, asset }, bytes)],
    [
      'both names of one file',
      true,
      ({ incoming, asset }) => {
        writeFileSync(incoming, bytes);
        execFileSync('ln', [incoming, asset]);
      },
    ],
    ['asset there, incoming gone', true, ({ asset }) => writeFileSync(asset, bytes)],
    [
      'asset damaged, incoming whole',
      true,
      ({ incoming, asset }) => {
        writeFileSync(asset, Buffer.alloc(bytes.byteLength));
        writeFileSync(incoming, bytes);
      },
    ],
    [
      'asset short, incoming whole',
      true,
      ({ incoming, asset }) => {
        writeFileSync(asset, 'short');
        writeFileSync(incoming, bytes);
      },
    ],
    [
      'incoming longer than the upload',
      true,
      ({ incoming }) => writeFileSync(incoming, Buffer.concat([bytes, Buffer.from('more')])),
    ],
    ['neither', false, () => {}],
    ['asset short, incoming gone', false, ({ asset }) => writeFileSync(asset, 'short')],
    ['asset short, incoming short', false, ({ incoming, asset }) => writeBoth({ incoming, asset }, 'x')],
  ])('%s', async (_name, good, prepareFiles) => {
    const state = await crashed(prepareFiles);
    if (!good) {
      await expect(state.place()).rejects.toMatchObject({ code: 'storage-damaged' });
      return;
    }
    await state.place();
    await state.place();
    expect(existsSync(state.incoming)).toBe(false);
    expect(await state.blobs.rehashAsset(digest)).toBe(digest);
  });

  test.each(['fdatasync', 'rename', 'fsync', 'unlink'] as const)(
    '%s fails once: rejected, nothing lost, and the second call does it',
    async (call) => {
      const faults: FileFaults = {};
      const { blobs, incoming } = await openings.disk(faults);
      const id = uuidv7();
      if (call === 'unlink') await blobs.place(await storedUpload(blobs, bytes), bytes.byteLength, digest);
      await blobs.prepare(id, bytes.byteLength);
      await writeBytes(blobs, id, { bytes });
      // Only what cannot take the place of an asset is removed.
      if (call === 'unlink') truncateSync(incoming(id), 1);
      faults.failing = (name) => {
        if (name !== call) return null;
        delete faults.failing;
        return systemError('EIO');
      };
      await expect(blobs.place(id, bytes.byteLength, digest)).rejects.toMatchObject({ code: 'unavailable' });
      // A failed fdatasync may have lost bytes: they have to come again.
      if (call === 'fdatasync') await writeBytes(blobs, id, { bytes });
      await blobs.place(id, bytes.byteLength, digest);
      expect(await blobs.rehashAsset(digest)).toBe(digest);
    },
  );
});

describe('syncs and descriptors', () => {
  test('parallel syncs of one file share; one sync each for file and folder; placing what is synced syncs only the folder', async () => {
    const counts = new Map();
    const { blobs } = await openings.disk({ counts });
    const bytes = patternBytes(64 * kib);
    const id = uuidv7();
    await blobs.prepare(id, bytes.byteLength);
    await writeBytes(blobs, id, { bytes });
    counts.clear();
    await Promise.all(Array.from({ length: 20 }, () => blobs.sync(id)));
    expect(counts.get('fdatasync')).toBe(1);
    expect(counts.get('fsync')).toBeLessThanOrEqual(2);
    counts.clear();
    await blobs.sync(id);
    await blobs.place(id, bytes.byteLength, sha256Hex(bytes));
    expect(Object.fromEntries(counts)).toEqual({ factsOf: 1, open: 1, rename: 1, fsync: 1, close: 1 });
  });

  test('a sync that began before the write does not count for it', async () => {
    const events: string[] = [];
    const faults: FileFaults = {
      failing: (call) => {
        if (call === 'fdatasync') events.push('sync');
        return null;
      },
    };
    const { blobs } = await openings.disk(faults);
    const id = uuidv7();
    await blobs.prepare(id, 2000);
    await writeBytes(blobs, id, { bytes: patternBytes(1000) });
    const first = blobs.sync(id);
    await writeBytes(blobs, id, { bytes: patternBytes(1000), offset: 1000 });
    await Promise.all([first, blobs.sync(id)]);
    expect(events).toEqual(['sync', 'sync']);
  });

  test('descriptors are bounded and none is left after place, discard and close', async () => {
    const own = () => readdirSync('/proc/self/fd').length;
    const before = own();
    const { blobs } = await openings.disk({}, { openFilesMax: 8 });
    const opened = own();
    const ids = await Promise.all(Array.from({ length: 100 }, (_, i) => storedUpload(blobs, patternBytes(1000, i))));
    // All 100 were in use at once; the next use finds them idle. Closing is left to the thread pool.
    await blobs.checksum(ids[0] ?? '', { start: 0, end: 1 });
    await vi.waitFor(() => expect(own() - opened).toBeLessThanOrEqual(8 + 1));
    await Promise.all(ids.map((id) => blobs.discard(id)));
    await vi.waitFor(() => expect(own() - opened).toBeLessThanOrEqual(1));
    await blobs.close();
    expect(own()).toBeLessThanOrEqual(before);
  });

  test('committed: sync is left out, place and close are not', async () => {
    const counts = new Map();
    const { blobs } = await openings.disk({ counts }, { durability: 'committed', openFilesMax: 4 });
    const bytes = patternBytes(1000);
    const ids = await Promise.all(Array.from({ length: 10 }, () => storedUpload(blobs, bytes)));
    expect(counts.get('fdatasync')).toBeUndefined();
    await blobs.place(ids[0] ?? '', 1000, sha256Hex(bytes));
    expect(counts.get('fdatasync')).toBe(1);
    await blobs.close();
    expect(counts.get('fdatasync')).toBe(10);
  });

  test('folders are 0700, files 0600', async () => {
    const { blobs, dir, incoming } = await openings.disk();
    const id = await storedUpload(blobs, patternBytes(10));
    expect(statSync(incoming(id)).mode & 0o777).toBe(0o600);
    for (const folder of ['incoming', 'assets', 'assets/sha256', 'assets/sha256/ab', 'artifacts', 'scratch']) {
      expect(statSync(join(dir, folder)).mode & 0o777).toBe(0o700);
    }
    expect(readdirSync(join(dir, 'assets/sha256')).length).toBe(256);
    truncateSync(incoming(id), 5);
    expect(await blobs.checksum(id, { start: 0, end: 10 })).toBeNull();
  });
});
