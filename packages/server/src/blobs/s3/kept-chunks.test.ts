/** What comes out of order is hashed from memory while there is room, and MD5 is taken in threads. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { uuidv7 } from '../../platform/uuidv7.ts';
import { openSqliteState, type State } from '../../state/sql/open.ts';
import { put } from '../../testing/blob-store-fixture.ts';
import { patternBytes } from '../../testing/body.ts';
import { refuseThreads } from '../../testing/refused-threads.ts';
import { S3Stub } from '../../testing/s3-stub/stub.ts';
import { KeptChunks } from './kept-chunks.ts';
import { Md5Threads } from './md5-threads.ts';
import { openS3Blobs, type S3Blobs } from './open.ts';
import { SlabPool, Slabs, slabBytes } from './slab-pool.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-s3-kept-'));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const chunk = 512 * 1024;
let stub: S3Stub;
let state: State;

beforeAll(async () => {
  stub = await S3Stub.start();
  state = await openSqliteState({ file: join(dir, 'state.db'), clock: systemClock });
});
afterAll(async () => {
  await state.close();
  await stub.stop();
  rmSync(dir, { recursive: true, force: true });
});

function open(memoryBytes: number): Promise<S3Blobs> {
  return openS3Blobs({
    ...stub.settings,
    clock: systemClock,
    partMap: state.partMap,
    dataDir: dir,
    memoryBytes,
    cacheBytes: chunk,
  });
}

/** Sends the chunks in that order, and tells the store after each how far it goes without a gap, as the service does. */
async function send(s3: S3Blobs, id: string, bytes: Uint8Array, order: readonly number[]): Promise<void> {
  const there = new Set<number>();
  for (const index of order) {
    await put(s3.blobs, id, { offset: index * chunk, bytes: bytes.slice(index * chunk, (index + 1) * chunk) });
    there.add(index);
    let upTo = 0;
    while (there.has(upTo)) upTo += 1;
    s3.blobs.hashAhead(id, upTo * chunk);
  }
}

describe('C10: chunks over several connections', () => {
  test.each([
    ['nothing is read back where there is room', 64, [1, 3, 2, 0, 5, 4, 7, 6], 0],
    ['the rest is read back where there is none', 4, [7, 6, 5, 4, 3, 2, 1, 0], 1],
  ] as const)('%s', async (_, slabs, order, readsMin) => {
    const s3 = await open(slabs * slabBytes);
    const bytes = patternBytes(8 * chunk, slabs);
    const id = uuidv7();
    await s3.blobs.prepare(id, bytes.byteLength);
    stub.seen.length = 0;
    await send(s3, id, bytes, order);
    expect((await s3.blobs.hash(id, bytes.byteLength, { fresh: false })).sha256).toBe(sha256(bytes));
    const reads = stub.count('GetObject');
    expect(readsMin === 0 ? reads === 0 : reads >= readsMin, `${reads} reads`).toBe(true);
    await s3.blobs.close();
  });

  test('a chunk that was replaced meanwhile is not hashed from memory, and a fresh digest is of what the store has', async () => {
    const s3 = await open(64 * slabBytes);
    const bytes = patternBytes(3 * chunk, 9);
    const other = patternBytes(chunk, 10);
    const id = uuidv7();
    await s3.blobs.prepare(id, bytes.byteLength);
    await send(s3, id, bytes, [2, 1]);
    await put(s3.blobs, id, { offset: chunk, bytes: other });
    await put(s3.blobs, id, { offset: 0, bytes: bytes.slice(0, chunk) });
    const stored = Buffer.concat([bytes.slice(0, chunk), other, bytes.slice(2 * chunk)]);
    expect(await s3.blobs.digest(id, bytes.byteLength)).toBe(sha256(stored));
    stub.seen.length = 0;
    expect((await s3.blobs.hash(id, bytes.byteLength, { fresh: true })).sha256).toBe(sha256(stored));
    expect(stub.count('GetObject')).toBe(3);
    await s3.blobs.close();
  });
});

test('the budget: first come, first served, and everything is given back', async () => {
  const pool = new SlabPool(2 * slabBytes);
  const [one, two] = [await pool.take(), await pool.take()];
  expect(pool.tryTake()).toBeNull();
  const order: number[] = [];
  const waiting = [1, 2].map(async (name) => {
    const slab = await pool.take();
    order.push(name);
    return slab;
  });
  pool.give([one]);
  expect(pool.tryTake()).toBeNull();
  pool.give([two]);
  pool.give(await Promise.all(waiting));
  expect(order).toEqual([1, 2]);
  expect(pool.takenBytes).toBe(0);
});

test('kept chunks give way to whoever needs room, the oldest first, but not while one is read', async () => {
  const pool = new SlabPool(8 * slabBytes);
  const kept = new KeptChunks(pool);
  const add = async (start: number) => {
    const slabs = new Slabs(pool);
    await slabs.grow();
    slabs.add(Buffer.alloc(slabBytes, start));
    kept.keep('u', { range: { start, end: start + slabBytes }, rewrites: 0 }, slabs);
  };
  await add(1);
  await add(2);
  const reading = kept.read('u', 1, 0);
  expect(reading?.next().value?.[0]).toBe(1);
  const others = Array.from({ length: 6 }, () => pool.tryTake());
  expect(others).not.toContain(null);
  const last = pool.tryTake();
  expect(last).not.toBeNull();
  expect(kept.next('u', 0, 0)).toBe(1);
  expect(pool.tryTake()).toBeNull();
  reading?.return(undefined);
  expect(pool.tryTake()).not.toBeNull();
  expect(kept.next('u', 0, 0)).toBeNull();
});

test('MD5 by threads is MD5, also of what they were at when they were closed', async () => {
  const threads = new Md5Threads(2);
  const shared = Buffer.from(new SharedArrayBuffer(slabBytes));
  shared.set(patternBytes(slabBytes, 1));
  const md5 = createHash('md5').update(shared).update(shared).digest('hex');
  const asked = Array.from({ length: 5 }, () => threads.of([shared, shared]));
  expect(await threads.of([Buffer.from('small')])).toBe(createHash('md5').update('small').digest('hex'));
  expect(await asked[0]).toBe(md5);
  const closing = threads.close();
  expect(await Promise.all(asked)).toEqual(asked.map(() => md5));
  await closing;
});

test('MD5 is computed all the same where the machine grants no thread', async () => {
  const threads = new Md5Threads(1);
  const bytes = patternBytes(slabBytes, 1);
  const md5 = createHash('md5').update(bytes).digest('hex');
  const grant = refuseThreads();
  try {
    expect(await threads.of([bytes])).toBe(md5);
  } finally {
    grant();
  }
  expect(await threads.of([bytes])).toBe(md5);
  await threads.close();
});
