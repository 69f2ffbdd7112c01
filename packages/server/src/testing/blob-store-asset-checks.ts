/** Checks of the blob store suite: comparing stored bytes, and assets. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { DigestAlgorithm } from '../core/digest.ts';
import { HoldfastError } from '../core/errors.ts';
import {
  type BlobStoreCheck,
  type BlobStoreSubject,
  kib,
  list,
  mib,
  readAll,
  rejectsWith,
  sha256,
  stored,
} from './blob-store-fixture.ts';
import { bodyOf, breakingBody, patternBytes } from './body.ts';

async function wholeWayFromPrepareToAsset(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(3 * mib + 17);
  // Content that no earlier run has left as an asset.
  bytes.set(Buffer.from(subject.newId()));
  const id = await stored(subject, bytes);
  assert.ok((await list(subject.blobs.storedUploads())).includes(id), 'is listed while incoming');
  const digest = await subject.blobs.digest(id, bytes.byteLength);
  assert.equal(digest, sha256(bytes));
  assert.equal(await subject.blobs.assetSize(digest), null);
  await subject.blobs.place(id, bytes.byteLength, digest);
  assert.equal(await subject.blobs.assetSize(digest), bytes.byteLength);
  assert.deepEqual(
    Buffer.from(await readAll(subject.blobs, digest, { start: 0, end: bytes.byteLength })),
    Buffer.from(bytes),
  );
  assert.equal(await subject.blobs.rehashAsset(digest), digest);
  assert.ok((await list(subject.blobs.storedAssets())).includes(digest), 'is listed as an asset');
  assert.ok(!(await list(subject.blobs.storedUploads())).includes(id), 'is no longer incoming');
}

async function emptyFile(subject: BlobStoreSubject): Promise<void> {
  const id = await stored(subject, new Uint8Array(0));
  const digest = await subject.blobs.digest(id, 0);
  assert.equal(digest, sha256(new Uint8Array(0)));
  await subject.blobs.place(id, 0, digest);
  assert.equal(await subject.blobs.assetSize(digest), 0);
  assert.equal((await readAll(subject.blobs, digest, { start: 0, end: 0 })).byteLength, 0);
}

async function compareIsExact(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(2 * mib + 100, 13);
  const length = 2 * mib;
  const same = bytes.slice(50, 50 + length);
  const id = await stored(subject, bytes);
  const placed = await stored(subject, bytes);
  await subject.blobs.place(placed, bytes.byteLength, sha256(bytes));
  for (const where of [{ uploadId: id }, { asset: sha256(bytes) }]) {
    const compare = async (sent: Uint8Array, digests: readonly DigestAlgorithm[] = []) => {
      const body = bodyOf(sent, { batchBytes: 300_001, bufferBytes: 70_001 });
      return await subject.blobs
        .compare({ stored: where, offset: 50, length, body, digests })
        .finally(() => assert.equal(body.unreleased, 0, 'all batches are released'));
    };
    const md5 = (sent: Uint8Array) => [{ algorithm: 'md5', value: createHash('md5').update(sent).digest('hex') }];
    assert.deepEqual(await compare(same), { same: true, crc32: crc32(same), digests: [] });
    assert.deepEqual(await compare(same, ['md5']), { same: true, crc32: crc32(same), digests: md5(same) });
    for (const at of [0, mib, same.byteLength - 1]) {
      const other = same.slice();
      other[at] = (other[at] ?? 0) ^ 1;
      assert.deepEqual(await compare(other), { same: false, digests: [] }, `one bit at ${at}`);
      assert.deepEqual(await compare(other, ['md5']), { same: false, digests: md5(other) }, 'with the body’s digest');
    }
    await rejectsWith('body-too-short', compare(same.subarray(0, -1)));
    await rejectsWith('body-too-short', compare(new Uint8Array(0)));
    await rejectsWith('body-too-long', compare(bytes.slice(50, 51 + length)));
    const broken = { stored: where, offset: 50, length, digests: [] };
    await rejectsWith('body-too-short', subject.blobs.compare({ ...broken, body: breakingBody(same, 1000) }));
  }
  assert.equal(await subject.blobs.digest(id, bytes.byteLength), sha256(bytes), 'nothing was written');
}

async function compareTellsTheChecksumsOfABodyWithoutStoredBytes(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(mib + 1, 20);
  const discarded = await stored(subject, bytes);
  const body = bodyOf(bytes, {
    batchBytes: 300_000,
    beforeBatch: async (sent) => {
      if (sent > 0) await subject.blobs.discard(discarded);
    },
  });
  const missing = [{ uploadId: subject.newId() }, { uploadId: discarded }, { asset: sha256(patternBytes(3, 99)) }];
  for (const [i, where] of missing.entries()) {
    const answer = await subject.blobs.compare({
      stored: where,
      offset: 0,
      length: bytes.byteLength,
      body: i === 1 ? body : bodyOf(bytes),
      digests: ['sha-256'],
    });
    assert.deepEqual(answer.digests, [{ algorithm: 'sha-256', value: sha256(bytes) }]);
    // Those that went in the middle of it may all have been read by then.
    if (i === 1 && answer.same === true) continue;
    assert.equal(answer.same, null);
    assert.equal(answer.crc32, crc32(bytes));
    assert.ok(['storage-damaged', 'unavailable'].includes(answer.reason.code), answer.reason.code);
  }
}

async function placeIsIdempotent(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(300 * kib, 14);
  const digest = sha256(bytes);
  const id = await stored(subject, bytes);
  await Promise.all([
    subject.blobs.place(id, bytes.byteLength, digest),
    subject.blobs.place(id, bytes.byteLength, digest),
  ]);
  await subject.blobs.place(id, bytes.byteLength, digest);
  assert.equal(await subject.blobs.rehashAsset(digest), digest);
}

async function sameContentTwiceIsOneAsset(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(70 * kib, 15);
  const digest = sha256(bytes);
  const ids = await Promise.all([1, 2, 3].map(() => stored(subject, bytes)));
  await Promise.all(ids.map((id) => subject.blobs.place(id, bytes.byteLength, digest)));
  assert.equal(await subject.blobs.rehashAsset(digest), digest);
  const left = await list(subject.blobs.storedUploads());
  for (const id of ids) assert.ok(!left.includes(id), 'the bytes of every upload are freed');
}

async function placeOfNothingIsDamage(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(1000, 16);
  await rejectsWith('storage-damaged', subject.blobs.place(subject.newId(), 1000, sha256(bytes)));
  const id = await stored(subject, bytes);
  await rejectsWith('storage-damaged', subject.blobs.place(id, 1001, sha256(patternBytes(1001, 17))));
  assert.equal(await subject.blobs.digest(id, 1000), sha256(bytes), 'the upload is as it was');
}

async function writerThatComesLateCannotChangeTheAsset(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(64 * kib, 20);
  const digest = sha256(bytes);
  const id = await stored(subject, bytes);
  const body = bodyOf(patternBytes(64 * kib, 21), {
    batchBytes: 16 * kib,
    beforeBatch: async (sent) => {
      if (sent === 0) await subject.blobs.place(id, bytes.byteLength, digest);
    },
  });
  const write = subject.blobs.write({ uploadId: id, offset: 0, length: bytes.byteLength, body, digests: [] });
  await assert.rejects(write, HoldfastError);
  assert.equal(await subject.blobs.rehashAsset(digest), digest);
}

async function rangesOfAnAsset(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(700 * kib, 22);
  const digest = sha256(bytes);
  await subject.blobs.place(await stored(subject, bytes), bytes.byteLength, digest);
  for (const [start, end] of [
    [0, 1],
    [bytes.byteLength - 1, bytes.byteLength],
    [1000, 1000],
    [300_000, 650_001],
  ] as const) {
    assert.deepEqual(
      Buffer.from(await readAll(subject.blobs, digest, { start, end })),
      Buffer.from(bytes.subarray(start, end)),
    );
  }
}

async function missingAsset(subject: BlobStoreSubject): Promise<void> {
  const digest = sha256(patternBytes(33, 23));
  assert.equal(await subject.blobs.assetSize(digest), null);
  assert.equal(await subject.blobs.rehashAsset(digest), null);
  await rejectsWith('storage-damaged', subject.blobs.readAsset(digest, { start: 0, end: 33 }));
}

async function rehashTellsProgress(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(9 * mib, 24);
  const digest = sha256(bytes);
  await subject.blobs.place(await stored(subject, bytes), bytes.byteLength, digest);
  const seen: number[] = [];
  assert.equal(await subject.blobs.rehashAsset(digest, (count) => seen.push(count)), digest);
  assert.equal(seen.at(-1), bytes.byteLength);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
}

async function removedAssetIsGone(subject: BlobStoreSubject): Promise<void> {
  const [bytes, others] = [patternBytes(300 * kib, 25), patternBytes(300 * kib, 26)];
  const [digest, other] = [sha256(bytes), sha256(others)];
  await subject.blobs.place(await stored(subject, bytes), bytes.byteLength, digest);
  await subject.blobs.place(await stored(subject, others), others.byteLength, other);
  await (await subject.blobs.localAsset(digest)).release();
  await subject.blobs.removeAsset(digest);
  assert.equal(await subject.blobs.assetSize(digest), null);
  await rejectsWith('storage-damaged', subject.blobs.readAsset(digest, { start: 0, end: 33 }));
  assert.ok(!(await list(subject.blobs.storedAssets())).includes(digest));
  assert.equal(await subject.blobs.rehashAsset(other), other);
  await subject.blobs.removeAsset(digest);
  await subject.blobs.place(await stored(subject, bytes), bytes.byteLength, digest);
  assert.equal(await subject.blobs.rehashAsset(digest), digest, 'it can come again');
}

export const assetChecks: readonly BlobStoreCheck[] = [
  wholeWayFromPrepareToAsset,
  emptyFile,
  compareIsExact,
  compareTellsTheChecksumsOfABodyWithoutStoredBytes,
  placeIsIdempotent,
  sameContentTwiceIsOneAsset,
  placeOfNothingIsDamage,
  writerThatComesLateCannotChangeTheAsset,
  rangesOfAnAsset,
  missingAsset,
  rehashTellsProgress,
  removedAssetIsGone,
];
