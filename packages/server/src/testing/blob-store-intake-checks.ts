/** Checks of the blob store suite: bytes on their way in. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { digestAlgorithms } from '../core/digest.ts';
import { type ErrorCode, HoldfastError } from '../core/errors.ts';
import {
  type BlobStoreCheck,
  type BlobStoreSubject,
  kib,
  list,
  mib,
  put,
  rejectsWith,
  sha256,
  stored,
} from './blob-store-fixture.ts';
import { bodyOf, breakingBody, patternBytes, stallingBody } from './body.ts';

async function unknownSizeGrows(subject: BlobStoreSubject): Promise<void> {
  const id = subject.newId();
  const bytes = patternBytes(600 * kib, 3);
  await subject.blobs.prepare(id, null);
  await put(subject.blobs, id, { offset: 0, bytes: bytes.subarray(0, 100 * kib) });
  await subject.blobs.prepare(id, bytes.byteLength);
  await put(subject.blobs, id, { offset: 100 * kib, bytes: bytes.subarray(100 * kib) });
  await subject.blobs.sync(id);
  assert.equal(await subject.blobs.digest(id, bytes.byteLength), sha256(bytes));
}

async function chunksInAnyOrder(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(1_000_003, 4);
  const id = subject.newId();
  await subject.blobs.prepare(id, bytes.byteLength);
  const starts = [700_000, 0, 900_000, 300_000];
  const ends = [900_000, 300_000, 1_000_003, 700_000];
  await Promise.all(starts.map((offset, i) => put(subject.blobs, id, { offset, bytes: bytes.slice(offset, ends[i]) })));
  await Promise.all(starts.map(() => subject.blobs.sync(id)));
  assert.equal(await subject.blobs.digest(id, bytes.byteLength), sha256(bytes));
  for (const length of [1, 4_000]) {
    const head = await subject.blobs.head(id, length);
    assert.deepEqual(Buffer.from(head), Buffer.from(bytes.subarray(0, length)));
  }
}

async function prepareIsIdempotent(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(100 * kib, 5);
  const id = await stored(subject, bytes);
  await Promise.all([subject.blobs.prepare(id, bytes.byteLength), subject.blobs.prepare(id, bytes.byteLength)]);
  assert.equal(await subject.blobs.digest(id, bytes.byteLength), sha256(bytes), 'bytes are kept');
}

async function prepareRefusesWhatCannotFit(subject: BlobStoreSubject): Promise<void> {
  const free = await subject.blobs.freeBytes();
  if (free === null) return subject.skip('free space is not known here');
  const id = subject.newId();
  await rejectsWith('insufficient-storage', subject.blobs.prepare(id, free + 1024 * mib));
  assert.ok(!(await list(subject.blobs.storedUploads())).includes(id), 'nothing is left behind');
}

const hex32 = (value: number): string => value.toString(16).padStart(8, '0');

async function digestsOfTheChunkOnRequest(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(mib + 5, 6);
  const id = subject.newId();
  await subject.blobs.prepare(id, bytes.byteLength);
  const request = { uploadId: id, offset: 0, length: bytes.byteLength };
  const written = await subject.blobs.write({ ...request, body: bodyOf(bytes), digests: digestAlgorithms });
  assert.deepEqual(
    new Set(written.digests.map(({ algorithm, value }) => `${algorithm}=${value}`)),
    new Set([
      ...['sha-256', 'sha-512', 'sha-1', 'md5'].map(
        (name) => `${name}=${createHash(name.replace('sha-', 'sha')).update(bytes).digest('hex')}`,
      ),
      `crc32c=${hex32(crc32c(bytes))}`,
      `crc32=${hex32(crc32(bytes))}`,
    ]),
  );
  assert.deepEqual((await subject.blobs.write({ ...request, body: bodyOf(bytes), digests: [] })).digests, []);
}

async function neighboursSurvive(
  subject: BlobStoreSubject,
  sent: (bytes: Uint8Array) => ReturnType<typeof bodyOf>,
  code: ErrorCode,
): Promise<void> {
  const bytes = patternBytes(3 * 128 * kib, 7);
  const id = await stored(subject, bytes);
  const body = sent(patternBytes(256 * kib, 8));
  const request = { uploadId: id, offset: 128 * kib, length: 128 * kib, body, digests: [] };
  await rejectsWith(code, subject.blobs.write(request));
  assert.equal(body.unreleased, 0, 'all batches are released');
  for (const start of [0, 256 * kib]) {
    const range = { start, end: start + 128 * kib };
    assert.equal(
      await subject.blobs.checksum(id, range),
      crc32(bytes.subarray(range.start, range.end)),
      'neighbours are untouched',
    );
  }
}

async function tooShortBodyIsRefused(subject: BlobStoreSubject): Promise<void> {
  await neighboursSurvive(subject, (bytes) => bodyOf(bytes.subarray(0, 128 * kib - 1)), 'body-too-short');
}

async function emptyBodyIsRefused(subject: BlobStoreSubject): Promise<void> {
  await neighboursSurvive(subject, (bytes) => bodyOf(bytes.subarray(0, 0)), 'body-too-short');
}

async function bodyOneByteTooLongIsRefused(subject: BlobStoreSubject): Promise<void> {
  await neighboursSurvive(
    subject,
    (bytes) => bodyOf(bytes.subarray(0, 128 * kib + 1), { batchBytes: 64 * kib }),
    'body-too-long',
  );
}

async function muchTooLongBodyIsRefused(subject: BlobStoreSubject): Promise<void> {
  await neighboursSurvive(subject, (bytes) => bodyOf(bytes, { batchBytes: 200 * kib }), 'body-too-long');
}

async function brokenBodyIsRefused(subject: BlobStoreSubject): Promise<void> {
  await neighboursSurvive(subject, (bytes) => breakingBody(bytes, 64 * kib, { batchBytes: 10_000 }), 'body-too-short');
}

async function stalledBodyIsRefused(subject: BlobStoreSubject): Promise<void> {
  await neighboursSurvive(subject, (bytes) => stallingBody(bytes, 64 * kib), 'body-timeout');
}

async function writeWithoutPrepareIsDamage(subject: BlobStoreSubject): Promise<void> {
  const id = subject.newId();
  const body = bodyOf(patternBytes(10));
  await rejectsWith('storage-damaged', subject.blobs.write({ uploadId: id, offset: 0, length: 10, body, digests: [] }));
  assert.ok(!(await list(subject.blobs.storedUploads())).includes(id), 'nothing is made silently');
}

async function discardIsIdempotent(subject: BlobStoreSubject): Promise<void> {
  const id = await stored(subject, patternBytes(1000, 18));
  await Promise.all([subject.blobs.discard(id), subject.blobs.discard(id)]);
  await subject.blobs.discard(id);
  await subject.blobs.discard(subject.newId());
  assert.ok(!(await list(subject.blobs.storedUploads())).includes(id));
  await rejectsWith('storage-damaged', subject.blobs.digest(id, 1000));
}

async function discardDuringWrite(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(64 * kib, 19);
  const id = subject.newId();
  await subject.blobs.prepare(id, bytes.byteLength);
  const body = bodyOf(bytes, {
    batchBytes: 16 * kib,
    beforeBatch: async (sent) => {
      if (sent === 32 * kib) await subject.blobs.discard(id);
    },
  });
  const write = subject.blobs.write({ uploadId: id, offset: 0, length: bytes.byteLength, body, digests: [] });
  await write.catch((error: unknown) => {
    assert.ok(error instanceof HoldfastError, `fails cleanly, not with ${String(error)}`);
  });
  assert.equal(body.unreleased, 0, 'all batches are released');
  assert.ok(!(await list(subject.blobs.storedUploads())).includes(id), 'gone at the end');
}

async function writtenBytesSurviveACrash(subject: BlobStoreSubject): Promise<void> {
  if (subject.reopen === null) return subject.skip('the store keeps nothing across processes');
  const bytes = patternBytes(400 * kib, 25);
  const id = subject.newId();
  await subject.blobs.prepare(id, bytes.byteLength);
  await put(subject.blobs, id, { offset: 0, bytes: bytes.slice(0, 100 * kib) });
  await subject.blobs.sync(id);
  const blobs = await subject.reopen();
  try {
    assert.equal(await blobs.checksum(id, { start: 0, end: 100 * kib }), crc32(bytes.subarray(0, 100 * kib)));
    await blobs.prepare(id, bytes.byteLength);
    await put(blobs, id, { offset: 100 * kib, bytes: bytes.slice(100 * kib) });
    await blobs.sync(id);
    assert.equal(await blobs.digest(id, bytes.byteLength), sha256(bytes));
    await blobs.place(id, bytes.byteLength, sha256(bytes));
    assert.equal(await blobs.rehashAsset(sha256(bytes)), sha256(bytes));
  } finally {
    await blobs.close();
  }
}

async function pingAndFreeBytes(subject: BlobStoreSubject): Promise<void> {
  await subject.blobs.ping();
  const free = await subject.blobs.freeBytes();
  assert.ok(free === null || (Number.isSafeInteger(free) && free >= 0));
}

export const intakeChecks: readonly BlobStoreCheck[] = [
  unknownSizeGrows,
  chunksInAnyOrder,
  prepareIsIdempotent,
  prepareRefusesWhatCannotFit,
  digestsOfTheChunkOnRequest,
  tooShortBodyIsRefused,
  emptyBodyIsRefused,
  bodyOneByteTooLongIsRefused,
  muchTooLongBodyIsRefused,
  brokenBodyIsRefused,
  stalledBodyIsRefused,
  writeWithoutPrepareIsDamage,
  discardIsIdempotent,
  discardDuringWrite,
  writtenBytesSurviveACrash,
  pingAndFreeBytes,
];
