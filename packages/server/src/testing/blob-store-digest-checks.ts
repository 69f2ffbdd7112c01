/** Checks of the blob store suite: digests of stored bytes. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { digestAlgorithms } from '../core/digest.ts';
import {
  type BlobStoreCheck,
  type BlobStoreSubject,
  hashed,
  kib,
  mib,
  put,
  rejectsWith,
  sha256,
  stored,
} from './blob-store-fixture.ts';
import { patternBytes } from './body.ts';

async function rewriteReplacesBytesAlreadyHashed(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(2 * mib, 9);
  const id = await stored(subject, patternBytes(2 * mib, 10));
  subject.blobs.hashAhead(id, 2 * mib);
  await subject.blobs.digest(id, 2 * mib);
  await put(subject.blobs, id, { offset: 0, bytes });
  subject.blobs.hashAhead(id, 2 * mib);
  assert.equal(await subject.blobs.digest(id, 2 * mib), sha256(bytes));
}

async function freshHashIsOfWhatAnotherProcessLeft(subject: BlobStoreSubject): Promise<void> {
  for (const size of [100 * kib, 2 * mib]) {
    const id = await stored(subject, patternBytes(size, 51));
    subject.blobs.hashAhead(id, size);
    assert.deepEqual(await subject.blobs.hash(id, size, { fresh: false }), hashed(patternBytes(size, 51)));
    const bytes = patternBytes(size, 52);
    if (subject.reopen === null) return subject.skip('the store keeps nothing across processes');
    const successor = await subject.reopen();
    try {
      await put(successor, id, { offset: 0, bytes });
      assert.deepEqual(await subject.blobs.hash(id, size, { fresh: true }), hashed(bytes));
      assert.deepEqual(await subject.blobs.hash(id, size, { fresh: false }), hashed(bytes), 'and from then on');
    } finally {
      await successor.close();
    }
  }
}

async function hashTellsProgress(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(18 * mib, 26);
  const id = await stored(subject, bytes);
  for (const fresh of [true, false]) {
    const seen: number[] = [];
    const onBytes = (count: number) => void seen.push(count);
    assert.deepEqual(await subject.blobs.hash(id, bytes.byteLength, { fresh, onBytes }), hashed(bytes));
    if (fresh) assert.ok(seen.length > 0, 'there is something to tell of 18 MiB');
    assert.ok(
      seen.every((count, i) => count > (seen[i - 1] ?? 0) && count <= bytes.byteLength),
      `it rises: ${seen}`,
    );
  }
}

async function hashAheadInSteps(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(4 * mib + 1, 11);
  const id = subject.newId();
  await subject.blobs.prepare(id, bytes.byteLength);
  subject.blobs.hashAhead(subject.newId(), mib);
  for (let at = 0; at < bytes.byteLength; at += mib) {
    await put(subject.blobs, id, { offset: at, bytes: bytes.slice(at, at + mib) });
    subject.blobs.hashAhead(id, Math.min(at + mib, bytes.byteLength));
    subject.blobs.hashAhead(id, Math.floor(at / 2));
  }
  assert.equal(await subject.blobs.digest(id, bytes.byteLength), sha256(bytes));
  assert.equal(await subject.blobs.digest(id, bytes.byteLength), sha256(bytes), 'and again');
}

async function digestByEveryAlgorithm(subject: BlobStoreSubject): Promise<void> {
  const hex32 = (value: number): string => value.toString(16).padStart(8, '0');
  for (const length of [0, 1000, 3 * mib + 7]) {
    const bytes = patternBytes(length, 12);
    const id = await stored(subject, bytes);
    subject.blobs.hashAhead(id, length);
    for (const algorithm of digestAlgorithms) {
      const expected =
        algorithm === 'crc32c'
          ? hex32(crc32c(bytes))
          : algorithm === 'crc32'
            ? hex32(crc32(bytes))
            : createHash(algorithm.replace('sha-', 'sha')).update(bytes).digest('hex');
      const actual = await subject.blobs.digest(id, length, algorithm);
      assert.equal(actual, expected, `${algorithm} of ${length} bytes`);
    }
    assert.equal(await subject.blobs.digest(id, length), sha256(bytes));
  }
}

async function digestOfMissingOrShortIsDamage(subject: BlobStoreSubject): Promise<void> {
  await rejectsWith('storage-damaged', subject.blobs.digest(subject.newId(), 10));
  await rejectsWith('storage-damaged', subject.blobs.digest(subject.newId(), 10 * mib));
  const id = await stored(subject, patternBytes(1000));
  await rejectsWith('storage-damaged', subject.blobs.digest(id, 1001));
  await rejectsWith('storage-damaged', subject.blobs.digest(id, 10 * mib));
  await rejectsWith('storage-damaged', subject.blobs.digest(id, 10 * mib, 'md5'));
}

async function checksumOfStoredBytes(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(2 * mib + 9, 12);
  const id = await stored(subject, bytes);
  for (const [start, end] of [
    [0, bytes.byteLength],
    [5, 6],
    [mib - 1, mib + 1],
    [7, 7],
  ] as const) {
    assert.equal(await subject.blobs.checksum(id, { start, end }), crc32(bytes.subarray(start, end)));
  }
  assert.equal(await subject.blobs.checksum(id, { start: 0, end: bytes.byteLength + 1 }), null, 'short');
  assert.equal(await subject.blobs.checksum(subject.newId(), { start: 0, end: 1 }), null, 'missing');
}

export const digestChecks: readonly BlobStoreCheck[] = [
  rewriteReplacesBytesAlreadyHashed,
  freshHashIsOfWhatAnotherProcessLeft,
  hashTellsProgress,
  hashAheadInSteps,
  digestByEveryAlgorithm,
  digestOfMissingOrShortIsDamage,
  checksumOfStoredBytes,
];
