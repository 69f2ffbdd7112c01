/** B6: two processes over one folder, as two stores. */
import { readdirSync, readlinkSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { uuidv7 } from '../../platform/uuidv7.ts';
import { bodyOf, patternBytes } from '../../testing/body.ts';
import { Openings, sha256Hex, writeBytes } from '../../testing/faulty-disk.ts';
import { type FileFaults, systemError } from '../with-faults.ts';

const openings = new Openings();
afterEach(async () => {
  vi.useRealTimers();
  await openings.undo();
});

const bytes = patternBytes(1000);

/** Two stores over one folder; `opening` is called at each opening of a file of the second. */
async function twoStores(opening: (nth: number) => Error | null) {
  let openingsSeen = 0;
  const faults: FileFaults = {
    failing: (call, path) => {
      if (call !== 'open' || path?.includes('incoming') !== true) return null;
      openingsSeen += 1;
      return opening(openingsSeen);
    },
  };
  const { blobs: first, dir } = await openings.disk();
  const { blobs: second } = await openings.disk(faults, { dir });
  return { first, second };
}

test('chunks that come to the second process while it takes the file of the first: all are written', async () => {
  const id = uuidv7();
  let written: Promise<unknown> | null = null;
  const { first, second } = await twoStores((nth) => {
    // While it is about to create a file that is there.
    if (nth === 1) written = writeBytes(second, id, { bytes: bytes.subarray(500), offset: 500 });
    return null;
  });
  await first.prepare(id, bytes.length);
  await writeBytes(first, id, { bytes: bytes.subarray(0, 500) });
  await second.prepare(id, bytes.length);
  expect(written).not.toBeNull();
  await written;
  for (const blobs of [first, second]) await blobs.sync(id);
  await first.place(id, bytes.length, sha256Hex(bytes));
  expect(await first.rehashAsset(sha256Hex(bytes))).toBe(sha256Hex(bytes));
});

test('one opening that fails is nobody else’s failure, and the file of the other process stays', async () => {
  const id = uuidv7();
  const { first, second } = await twoStores((nth) => (nth === 1 ? systemError('EMFILE') : null));
  await first.prepare(id, bytes.length);
  await writeBytes(first, id, { bytes });
  const results = await Promise.allSettled([1, 2, 3].map(() => second.prepare(id, 2 * bytes.length)));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  await first.sync(id);
  await expect(writeBytes(first, id, { bytes })).resolves.toBeDefined();
});

test('what another process wrote under `committed` is synced by the one that places it, although all that it wrote itself was', async () => {
  const id = uuidv7();
  const counts: NonNullable<FileFaults['counts']> = new Map();
  const { blobs: finishing, dir } = await openings.disk({ counts }, { durability: 'committed' });
  const { blobs: other } = await openings.disk({}, { dir, durability: 'committed' });
  const syncs = () => counts.get('fdatasync') ?? 0;
  await finishing.prepare(id, bytes.length);
  await writeBytes(finishing, id, { bytes: bytes.subarray(0, 500) });
  await finishing.harden(id);
  const before = syncs();
  await writeBytes(other, id, { bytes: bytes.subarray(500), offset: 500 });
  await finishing.harden(id);
  expect(syncs(), 'harden').toBe(before + 1);
  await finishing.place(id, bytes.length, sha256Hex(bytes));
  expect(syncs(), 'place').toBe(before + 2);
});

describe('a file that another process put a copy in place of', () => {
  /** The first has a descriptor of the file that was there before, and in the copy are bytes that were never in that one. */
  async function copied() {
    const id = uuidv7();
    const { blobs: first, dir } = await openings.disk();
    const { blobs: second } = await openings.disk({}, { dir });
    await first.prepare(id, 500);
    await writeBytes(first, id, { bytes: bytes.subarray(0, 500) });
    await first.sync(id);
    await second.isolate(id, 500);
    return { id, first, second };
  }

  test('room is made in the copy', async () => {
    const { id, first } = await copied();
    await first.prepare(id, bytes.length);
    await writeBytes(first, id, { bytes: bytes.subarray(500), offset: 500 });
    expect(await first.digest(id, bytes.length)).toBe(sha256Hex(bytes));
  });

  test('a chunk is compared with the copy', async () => {
    const { id, first, second } = await copied();
    const late = patternBytes(500, 7);
    await writeBytes(second, id, { bytes: late });
    const body = bodyOf(late);
    const request = { stored: { uploadId: id }, offset: 0, length: 500, body, digests: [] };
    expect(await first.compare(request)).toMatchObject({ same: true });
  });
});

test('the room of an upload that another process freed is there again, also when nobody asks for the upload any more', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { blobs: first, dir } = await openings.disk();
  const { blobs: second } = await openings.disk({}, { dir });
  const [freed, kept] = [uuidv7(), uuidv7()];
  for (const id of [freed, kept]) {
    await first.prepare(id, bytes.length);
    await writeBytes(first, id, { bytes });
    await first.sync(id);
  }
  await second.discard(freed);
  const open = (id: string) => openFiles().filter((path) => path.includes(id)).length;
  await vi.advanceTimersByTimeAsync(60_000);
  await vi.waitFor(() => expect(open(freed)).toBe(0));
  expect(open(kept)).toBe(1);
});

/** What the descriptors of this process are of. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}
