/** Checks of the blob store suite: bytes that are appended, as far as they come. */
import assert from 'node:assert/strict';
import { crc32 } from '@node-rs/crc32';
import { HoldfastError } from '../core/errors.ts';
import type { Appended, AppendRequest } from '../core/ports/blob-store.ts';
import { type BlobStoreCheck, type BlobStoreSubject, kib, rejectsWith, sha256, stored } from './blob-store-fixture.ts';
import { bodyOf, breakingBody, patternBytes, stallingBody, type TestBody } from './body.ts';

async function append(
  subject: BlobStoreSubject,
  id: string,
  body: TestBody,
  given: Partial<AppendRequest> = {},
): Promise<Appended> {
  const appended = await subject.blobs.append({
    uploadId: id,
    offset: 0,
    lengthMax: 1024 * kib,
    digests: [],
    isEnough: () => false,
    mayWrite: () => true,
    ...given,
    body,
  });
  assert.equal(body.unreleased, 0, 'all batches are released');
  return appended;
}

async function prepared(subject: BlobStoreSubject, size: number | null = 1024 * kib): Promise<string> {
  const id = subject.newId();
  await subject.blobs.prepare(id, size);
  return id;
}

async function isThere(subject: BlobStoreSubject, id: string, bytes: Uint8Array, offset = 0): Promise<void> {
  const range = { start: offset, end: offset + bytes.byteLength };
  assert.equal(await subject.blobs.checksum(id, range), crc32(bytes), 'the bytes are there');
}

async function appendsAWholeBody(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(300 * kib, 40);
  const id = await prepared(subject, null);
  const appended = await append(subject, id, bodyOf(bytes), { digests: ['sha-256'] });
  assert.deepEqual(appended, {
    length: bytes.byteLength,
    crc32: crc32(bytes),
    digests: [{ algorithm: 'sha-256', value: sha256(bytes) }],
    end: 'body',
  });
  const empty = await append(subject, id, bodyOf(new Uint8Array()), { offset: bytes.byteLength });
  assert.deepEqual({ length: empty.length, end: empty.end }, { length: 0, end: 'body' });
  await subject.blobs.sync(id);
  assert.equal(await subject.blobs.digest(id, bytes.byteLength), sha256(bytes));
}

async function keepsThePrefixOf(subject: BlobStoreSubject, cut: typeof breakingBody, code: string): Promise<void> {
  const bytes = patternBytes(300 * kib, 41);
  const id = await prepared(subject);
  for (const after of [0, 1, 100 * kib, 200 * kib + 7]) {
    const { end, ...rest } = await append(subject, id, cut(bytes, after, { batchBytes: 64 * kib }));
    assert.ok(end instanceof HoldfastError && end.code === code, `ends with ${code}`);
    assert.deepEqual(
      { length: rest.length, crc32: rest.crc32 },
      { length: after, crc32: crc32(bytes.subarray(0, after)) },
    );
    if (after > 0) await isThere(subject, id, bytes.subarray(0, after));
  }
}

async function keepsThePrefixOfABrokenBody(subject: BlobStoreSubject): Promise<void> {
  await keepsThePrefixOf(subject, breakingBody, 'body-too-short');
}

async function keepsThePrefixOfAStalledBody(subject: BlobStoreSubject): Promise<void> {
  await keepsThePrefixOf(subject, stallingBody, 'body-timeout');
}

async function leavesTheRestOfASegmentedBody(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(500 * kib, 42);
  const id = await prepared(subject);
  const body = bodyOf(bytes, { batchBytes: 50 * kib });
  const ends: string[] = [];
  let offset = 0;
  while (ends.at(-1) !== 'body') {
    const part = await append(subject, id, body, { offset, isEnough: (taken) => taken >= 120 * kib });
    assert.equal(part.crc32, crc32(bytes.subarray(offset, offset + part.length)));
    assert.ok(part.length <= 150 * kib, 'a segment is not much longer than wanted');
    offset += part.length;
    ends.push(String(part.end));
  }
  assert.deepEqual(ends, ['segment', 'segment', 'segment', 'body']);
  await isThere(subject, id, bytes);
}

async function refusesWhatIsTooLong(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(300 * kib, 43);
  const id = await stored(subject, bytes);
  const longer = bodyOf(patternBytes(200 * kib, 44), { batchBytes: 64 * kib });
  const request = { offset: 100 * kib, lengthMax: 100 * kib };
  await rejectsWith('body-too-long', append(subject, id, longer, request));
  assert.equal(longer.unreleased, 0, 'all batches are released');
  await isThere(subject, id, bytes.subarray(0, 100 * kib));
  await isThere(subject, id, bytes.subarray(200 * kib), 200 * kib);
}

async function stopsWhenItMayNotWrite(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(300 * kib, 45);
  const id = await stored(subject, bytes);
  const other = bodyOf(patternBytes(300 * kib, 46), { batchBytes: 100 * kib });
  const { end, length } = await append(subject, id, other, { mayWrite: () => false });
  assert.ok(end instanceof HoldfastError && end.code === 'lease-lost', 'ends with lease-lost');
  assert.equal(length, 0);
  await isThere(subject, id, bytes);
}

async function appendingNeedsAFile(subject: BlobStoreSubject): Promise<void> {
  await rejectsWith('storage-damaged', append(subject, subject.newId(), bodyOf(patternBytes(10))));
}

async function isolationKeepsThePrefix(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(300 * kib, 47);
  const id = await stored(subject, bytes);
  await subject.blobs.isolate(id, 200 * kib);
  await subject.blobs.isolate(id, 200 * kib);
  await isThere(subject, id, bytes.subarray(0, 200 * kib));
  await append(subject, id, bodyOf(bytes.subarray(200 * kib)), { offset: 200 * kib });
  await subject.blobs.sync(id);
  assert.equal(await subject.blobs.digest(id, bytes.byteLength), sha256(bytes));
  await subject.blobs.isolate(subject.newId(), 0);
}

async function isolationKeepsOtherProcessesOut(subject: BlobStoreSubject): Promise<void> {
  if (subject.reopen === null) return subject.skip('the store keeps nothing across processes');
  const bytes = patternBytes(300 * kib, 48);
  const id = await stored(subject, bytes.subarray(0, 100 * kib));
  const successor = await subject.reopen();
  try {
    // The first store is in the middle of writing other bytes when the second one takes over.
    const slow = bodyOf(patternBytes(200 * kib, 49), {
      batchBytes: 50 * kib,
      beforeBatch: async (sent) => {
        if (sent !== 50 * kib) return;
        await successor.isolate(id, 100 * kib);
        await append({ ...subject, blobs: successor }, id, bodyOf(bytes.subarray(100 * kib)), { offset: 100 * kib });
        await successor.sync(id);
      },
    });
    await append(subject, id, slow, { offset: 100 * kib }).catch(() => {});
    assert.equal(await successor.digest(id, bytes.byteLength), sha256(bytes));
    await isThere(subject, id, bytes);
  } finally {
    await successor.close();
  }
}

export const appendChecks: readonly BlobStoreCheck[] = [
  appendsAWholeBody,
  keepsThePrefixOfABrokenBody,
  keepsThePrefixOfAStalledBody,
  leavesTheRestOfASegmentedBody,
  refusesWhatIsTooLong,
  stopsWhenItMayNotWrite,
  appendingNeedsAFile,
  isolationKeepsThePrefix,
  isolationKeepsOtherProcessesOut,
];
