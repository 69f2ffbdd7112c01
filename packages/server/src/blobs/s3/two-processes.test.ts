/** C10: two processes at one upload at the same time: one that was held up and lost its lease goes on, beside the one that took the upload over. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from '@node-rs/crc32';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { uuidv7 } from '../../platform/uuidv7.ts';
import { openSqliteState, type State } from '../../state/sql/open.ts';
import { put } from '../../testing/blob-store-fixture.ts';
import { patternBytes } from '../../testing/body.ts';
import { S3Stub, type StubFault } from '../../testing/s3-stub/stub.ts';
import { openS3Blobs, type S3Blobs } from './open.ts';
import { slabBytes } from './slab-pool.ts';

const kib = 1024;
const dir = mkdtempSync(join(tmpdir(), 'holdfast-s3-two-'));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
let stub: S3Stub;
let state: State;
let one: S3Blobs;
let two: S3Blobs;

beforeAll(async () => {
  stub = await S3Stub.start({ partBytesMin: 64 * kib });
  state = await openSqliteState({ file: join(dir, 'state.db'), clock: systemClock });
  const open = (name: string) =>
    openS3Blobs({
      ...stub.settings,
      clock: systemClock,
      partMap: state.partMap,
      dataDir: join(dir, name),
      memoryBytes: 8 * slabBytes,
      cacheBytes: 100 * kib,
      sizes: {
        inlineBytesMax: 4 * kib,
        inlineTotalMax: 40 * kib,
        pieceBytes: 256 * kib,
        partBytesMin: 64 * kib,
        copyBytesMax: 1024 * kib,
        partsMax: 100,
      },
    });
  one = await open('one');
  two = await open('two');
});
afterAll(async () => {
  await one.blobs.close();
  await two.blobs.close();
  await state.close();
  await stub.stop();
  rmSync(dir, { recursive: true, force: true });
});

function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, wait: { kind: 'wait', until: promise } satisfies StubFault };
}

async function upload(bytes: Uint8Array, chunk: number): Promise<string> {
  const id = uuidv7();
  await one.blobs.prepare(id, bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; at += chunk)
    await put(one.blobs, id, { offset: at, bytes: bytes.slice(at, at + chunk) });
  return id;
}

test('a chunk that comes again, right this time, while few bytes are put together: its bytes stay', async () => {
  const [chunk, chunks] = [4 * kib, 16];
  const bytes = patternBytes(chunks * chunk, 1);
  const part = (index: number) => ({ offset: index * chunk, bytes: bytes.slice(index * chunk, (index + 1) * chunk) });
  const range = { start: 3 * chunk, end: 4 * chunk };
  const id = uuidv7();
  await one.blobs.prepare(id, bytes.byteLength);
  // Changed on its way, which its checksum has told: it was never acknowledged.
  await put(one.blobs, id, { ...part(3), bytes: patternBytes(chunk, 2) });
  for (let index = 0; index < chunks - 1; index += 1) if (index !== 3) await put(one.blobs, id, part(index));
  const gates = [gate(), gate()];
  let waiting = 0;
  stub.fault = ({ operation }) => {
    if (operation !== 'PutObject') return null;
    waiting += 1;
    return gates[waiting - 1]?.wait ?? null;
  };
  const last = put(one.blobs, id, part(chunks - 1));
  await expect.poll(() => waiting).toBe(1);
  const again = put(two.blobs, id, part(3));
  await expect.poll(() => two.blobs.checksum(id, range)).toBe(crc32(part(3).bytes));
  gates[0]?.open();
  await last;
  gates[1]?.open();
  await again;
  stub.fault = () => null;
  expect(await one.blobs.checksum(id, range)).toBe(crc32(part(3).bytes));
  expect(await one.blobs.digest(id, bytes.byteLength)).toBe(sha256(bytes));
  await one.blobs.discard(id);
});

test('both put the asset in place: wherever the second one is when the first is through, it finds the asset', async () => {
  for (let held = 1, through = false; !through; held += 1) {
    const bytes = patternBytes(450 * kib, held);
    const id = await upload(bytes, 100 * kib);
    const digest = sha256(bytes);
    expect((await one.blobs.hash(id, bytes.byteLength, { fresh: false })).sha256).toBe(digest);
    const [first, second] = [gate(), gate()];
    stub.fault = ({ operation }) => (operation === 'UploadPartCopy' ? first.wait : null);
    stub.seen.length = 0;
    const early = one.blobs.place(id, bytes.byteLength, digest);
    await expect.poll(() => stub.count('UploadPartCopy')).toBe(4);
    stub.seen.length = 0;
    stub.fault = () => (stub.seen.length >= held ? second.wait : null);
    const late = two.blobs.place(id, bytes.byteLength, digest);
    const done = late.then(
      () => true,
      () => true,
    );
    through = await Promise.race([
      done,
      expect
        .poll(() => stub.seen.length)
        .toBeGreaterThanOrEqual(held)
        .then(() => false),
    ]);
    stub.fault = () => null;
    first.open();
    const ended = await early.catch((error: unknown) => error);
    second.open();
    await late;
    expect(ended, `held at ${held}`).toBeUndefined();
    expect(await one.blobs.rehashAsset(digest)).toBe(digest);
    await one.removeOrphans(-1_000);
    expect([...stub.store.objects.keys()].filter((key) => key.includes(id))).toEqual([]);
  }
});
