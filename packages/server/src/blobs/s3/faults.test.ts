/** The S3 store when the object store does not behave, and when the process dies at any point of putting an asset in place. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../platform/system-clock.ts';
import { uuidv7 } from '../../platform/uuidv7.ts';
import { openSqliteState, type State } from '../../state/sql/open.ts';
import { put } from '../../testing/blob-store-fixture.ts';
import { bodyOf, patternBytes } from '../../testing/body.ts';
import { S3Stub, type SeenRequest, type StubFault } from '../../testing/s3-stub/stub.ts';
import { S3Keys } from './keys.ts';
import { connectBucket, openS3Blobs, type S3Blobs, type S3BlobsOptions } from './open.ts';
import { slabBytes } from './slab-pool.ts';
import { tryRights } from './try-rights.ts';

const kib = 1024;
const dir = mkdtempSync(join(tmpdir(), 'holdfast-s3-faults-'));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
let stub: S3Stub;
let state: State;
let settings: S3BlobsOptions;
let s3: S3Blobs;

beforeAll(async () => {
  stub = await S3Stub.start({ partBytesMin: 64 * kib });
  state = await openSqliteState({ file: join(dir, 'state.db'), clock: systemClock });
  settings = {
    ...stub.settings,
    clock: systemClock,
    partMap: state.partMap,
    dataDir: dir,
    memoryBytes: 8 * slabBytes,
    cacheBytes: 100 * kib,
    sizes: {
      inlineBytesMax: 4 * kib,
      inlineTotalMax: 80 * kib,
      pieceBytes: 256 * kib,
      partBytesMin: 64 * kib,
      copyBytesMax: 1024 * kib,
      partsMax: 100,
    },
  };
  s3 = await openS3Blobs(settings);
});
afterAll(async () => {
  await s3.blobs.close();
  await state.close();
  await stub.stop();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => {
  stub.fault = () => null;
  stub.seen.length = 0;
});

/** The first `times` requests of that kind fail. */
function failing(operation: SeenRequest['operation'], fault: StubFault, times = 1): void {
  let left = times;
  stub.fault = (request) => {
    if (request.operation !== operation || left === 0) return null;
    left -= 1;
    return fault;
  };
}

async function upload(bytes: Uint8Array, chunk = 100 * kib): Promise<string> {
  const id = uuidv7();
  await s3.blobs.prepare(id, bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; at += chunk)
    await put(s3.blobs, id, { offset: at, bytes: bytes.slice(at, at + chunk) });
  return id;
}

async function isPlaced(id: string, bytes: Uint8Array): Promise<void> {
  const digest = sha256(bytes);
  await s3.blobs.place(id, bytes.byteLength, digest);
  expect(await s3.blobs.rehashAsset(digest)).toBe(digest);
  expect([...stub.store.objects.keys()].filter((key) => key.startsWith(`incoming/${id}`))).toEqual([]);
  expect(stub.store.multiparts.size).toBe(0);
}

describe('C10: bytes on their way', () => {
  test.each<[string, StubFault]>([
    ['an overloaded server', { kind: 'refuse', status: 503, code: 'SlowDown' }],
    ['a broken connection', { kind: 'cut' }],
    ['an answer that is lost', { kind: 'lose-answer' }],
  ])('%s: a collected chunk is sent again', async (_, fault) => {
    const bytes = patternBytes(200 * kib, 1);
    failing('PutObject', fault, 2);
    const id = await upload(bytes, 200 * kib);
    await isPlaced(id, bytes);
  });

  test.each<[string, StubFault]>([
    ['stores other bytes', { kind: 'corrupt' }],
    ['tells an ETag of other bytes', { kind: 'lie' }],
  ])('a server that %s: nothing is acknowledged, and the upload goes on', async (_, fault) => {
    const bytes = patternBytes(300 * kib, 2);
    failing('PutObject', fault);
    const id = uuidv7();
    await s3.blobs.prepare(id, bytes.byteLength);
    // Longer than is collected, so that nothing but the ETag tells.
    await expect(put(s3.blobs, id, { offset: 0, bytes })).rejects.toMatchObject({ code: 'unavailable' });
    expect(await s3.blobs.checksum(id, { start: 0, end: 1 })).toBeNull();
    await put(s3.blobs, id, { offset: 0, bytes });
    await isPlaced(id, bytes);
  });

  test('a store without room says so, one without rights says what to do; no secret is in the words', async () => {
    const bytes = patternBytes(100 * kib, 3);
    failing('PutObject', { kind: 'refuse', status: 507, code: 'XMinioStorageFull' }, 9);
    await expect(upload(bytes)).rejects.toMatchObject({ code: 'insufficient-storage' });
    const wrong = { ...settings, credentials: { ...stub.credentials, secretAccessKey: 'not-the-secret' } };
    const error = await openS3Blobs(wrong).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(String(error)).not.toContain('not-the-secret');
  });

  test('reading goes on where the connection broke', async () => {
    const bytes = patternBytes(700 * kib, 4);
    const id = await upload(bytes);
    await isPlaced(id, bytes);
    failing('GetObject', { kind: 'cut-answer', afterBytes: 200_000 }, 3);
    expect(await s3.blobs.rehashAsset(sha256(bytes))).toBe(sha256(bytes));
    expect(stub.count('GetObject')).toBeGreaterThan(3);
  });

  test('64 KiB appends cost far less than a request each, and memory stays within the budget', async () => {
    const small = 2 * kib;
    const bytes = patternBytes(400 * small, 5);
    const id = uuidv7();
    await s3.blobs.prepare(id, null);
    const request = {
      uploadId: id,
      lengthMax: bytes.byteLength,
      digests: [],
      isEnough: () => false,
      mayWrite: () => true,
    };
    stub.seen.length = 0;
    for (let at = 0; at < bytes.byteLength; at += small)
      await s3.blobs.append({ ...request, offset: at, body: bodyOf(bytes.slice(at, at + small)) });
    expect(stub.seen.length).toBeLessThan(20);
    expect(await s3.blobs.digest(id, bytes.byteLength)).toBe(sha256(bytes));
    await isPlaced(id, bytes);
  });
});

describe('C10: putting an asset in place', () => {
  const bytes = (seed: number) => patternBytes(450 * kib, seed);

  test.each<[SeenRequest['operation'], StubFault]>([
    ['CompleteMultipartUpload', { kind: 'error-in-200', code: 'InternalError' }],
    ['CompleteMultipartUpload', { kind: 'lose-answer' }],
    ['UploadPartCopy', { kind: 'error-in-200', code: 'InternalError' }],
    ['UploadPartCopy', { kind: 'cut' }],
    ['CreateMultipartUpload', { kind: 'refuse', status: 500, code: 'InternalError' }],
    ['HeadObject', { kind: 'cut' }],
    ['DeleteObject', { kind: 'refuse', status: 503, code: 'SlowDown' }],
  ])('%s fails once (%j): it is placed all the same', async (operation, fault) => {
    const content = bytes(100 + stub.store.objects.size);
    const id = await upload(content);
    failing(operation, fault);
    await isPlaced(id, content);
  });

  test('a failure at every single request, as a crash there: the next try finishes what was begun', async () => {
    for (let at = 1; ; at += 1) {
      const content = bytes(1_000 + at);
      const id = await upload(content);
      expect(await s3.blobs.digest(id, content.byteLength)).toBe(sha256(content));
      let count = 0;
      // Everything from that request on fails, so that no second try of the same call helps.
      stub.fault = () => {
        count += 1;
        return count >= at ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : null;
      };
      const failed = await s3.blobs.place(id, content.byteLength, sha256(content)).then(
        () => false,
        () => true,
      );
      stub.fault = () => null;
      const reopened = await openS3Blobs(settings);
      await reopened.blobs.place(id, content.byteLength, sha256(content));
      expect(await reopened.blobs.rehashAsset(sha256(content))).toBe(sha256(content));
      await reopened.removeOrphans(-1_000);
      await reopened.blobs.close();
      expect([...stub.store.objects.keys()].filter((key) => key.includes(id))).toEqual([]);
      expect(stub.store.multiparts.size).toBe(0);
      if (!failed) break;
    }
  });

  test('a store that dies between making the object and forgetting the upload: nobody takes its parts away', async () => {
    const content = bytes(7);
    const id = await upload(content);
    failing('CompleteMultipartUpload', { kind: 'half-done' }, 9);
    await s3.blobs.place(id, content.byteLength, sha256(content));
    stub.fault = () => null;
    expect(stub.store.multiparts.size).toBe(1);
    await s3.removeOrphans(-1_000);
    expect(stub.store.multiparts.size).toBe(0);
    expect(await s3.blobs.rehashAsset(sha256(content))).toBe(sha256(content));
    // As above, and this process dies as well: the next one finds the object, and what was begun.
    const other = bytes(8);
    const second = await upload(other);
    let half = false;
    stub.fault = ({ operation }) => {
      if (half) return { kind: 'refuse', status: 403, code: 'AccessDenied' };
      half = operation === 'CompleteMultipartUpload';
      return half ? { kind: 'half-done' } : null;
    };
    await expect(s3.blobs.place(second, other.byteLength, sha256(other))).rejects.toMatchObject({
      code: 'unavailable',
    });
    stub.fault = () => null;
    await isPlaced(second, other);
  });

  test('a server that says done and keeps nothing is not believed', async () => {
    const content = bytes(3);
    const id = await upload(content);
    failing('CompleteMultipartUpload', { kind: 'forget' });
    await expect(s3.blobs.place(id, content.byteLength, sha256(content))).rejects.toMatchObject({
      code: 'unavailable',
    });
    await isPlaced(id, content);
  });

  test('bytes that are not those of the digest are never placed', async () => {
    const id = await upload(bytes(4));
    const other = sha256(bytes(5));
    await expect(s3.blobs.place(id, 450 * kib, other)).rejects.toMatchObject({ code: 'storage-damaged' });
    expect(await s3.blobs.assetSize(other)).toBeNull();
    await s3.blobs.discard(id);
  });
});

test('what crashes left is removed once it is old; what is in use stays', async () => {
  const bytes = patternBytes(200 * kib, 6);
  const id = await upload(bytes);
  stub.store.put(`incoming/${uuidv7()}/left`, Buffer.from('left'));
  for (const key of ['assets/sha256/aa/bb/left', 'artifacts/aa/left']) stub.store.begin(key);
  expect(await s3.removeOrphans(60_000)).toEqual({ objects: 0, multipartUploads: 0 });
  expect(await s3.removeOrphans(-1_000)).toEqual({ objects: 1, multipartUploads: 2 });
  await isPlaced(id, bytes);
});

test('doctor: each right is tried, the first that is missing is named with what to do, and nothing stays', async () => {
  const bucket = connectBucket(settings);
  const keys = new S3Keys('');
  const before = stub.store.objects.size;
  expect((await tryRights(bucket, keys)).filter((one) => one.problem !== null)).toEqual([]);
  expect(stub.store.objects.size).toBe(before);
  failing('UploadPartCopy', { kind: 'refuse', status: 403, code: 'AccessDenied' });
  const tried = await tryRights(bucket, keys);
  expect(tried.at(-1)).toMatchObject({ right: 'copy and multipart', problem: expect.stringContaining('docs/s3.md') });
  expect(stub.store.objects.size).toBe(before);
  expect(stub.store.multiparts.size).toBe(0);
  bucket.client.destroy();
});

test('files for steps: fetched once for all, checked, bounded, and never taken from under a step', async () => {
  const [a, b] = [patternBytes(80 * kib, 7), patternBytes(90 * kib, 8)];
  for (const bytes of [a, b]) await isPlaced(await upload(bytes), bytes);
  stub.seen.length = 0;
  const files = await Promise.all([1, 2, 3].map(() => s3.blobs.localAsset(sha256(a))));
  expect(stub.count('GetObject')).toBe(1);
  const second = await s3.blobs.localAsset(sha256(b));
  await Promise.all(files.map((file) => file.release()));
  await second.release();
  await (await s3.blobs.localAsset(sha256(b))).release();
  expect(stub.count('GetObject')).toBe(2);
  stub.store.put(
    `assets/sha256/${sha256(a).slice(0, 2)}/${sha256(a).slice(2, 4)}/${sha256(a)}`,
    Buffer.from(b.slice(0, a.byteLength)),
  );
  await expect(s3.blobs.localAsset(sha256(a))).rejects.toMatchObject({ code: 'storage-damaged' });
});

test('chunks that come at once, so many that pieces are put together meanwhile, all stay', async () => {
  const bytes = patternBytes(400 * kib, 77);
  const id = uuidv7();
  await s3.blobs.prepare(id, bytes.byteLength);
  stub.fault = ({ operation }) =>
    operation === 'PutObject' ? { kind: 'wait', until: new Promise((resolve) => setTimeout(resolve, 5)) } : null;
  const offsets = Array.from({ length: 100 }, (_, i) => i * 4 * kib);
  const lanes = Array.from({ length: 6 }, async () => {
    for (let at = offsets.shift(); at !== undefined; at = offsets.shift())
      await put(s3.blobs, id, { offset: at, bytes: bytes.slice(at, at + 4 * kib) });
  });
  await Promise.all(lanes);
  expect(stub.count('PutObject'), 'pieces were put together').toBeGreaterThan(0);
  stub.fault = () => null;
  await isPlaced(id, bytes);
});
