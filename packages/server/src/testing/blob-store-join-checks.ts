/** Checks of the blob store suite: several uploads become one. */
import assert from 'node:assert/strict';
import {
  type BlobStoreCheck,
  type BlobStoreSubject,
  hashed,
  kib,
  list,
  rejectsWith,
  sha256,
  stored,
} from './blob-store-fixture.ts';
import { patternBytes } from './body.ts';

const contents = [patternBytes(300 * kib, 60), patternBytes(1, 61), patternBytes(1_100 * kib, 62)];
const all = Buffer.concat(contents);

async function parts(subject: BlobStoreSubject): Promise<{ id: string; size: number }[]> {
  const made = [];
  for (const bytes of contents) made.push({ id: await stored(subject, bytes), size: bytes.byteLength });
  return made;
}

async function isPlaceable(subject: BlobStoreSubject, id: string, bytes: Uint8Array): Promise<void> {
  assert.equal(await subject.blobs.digest(id, bytes.byteLength), sha256(bytes));
  await subject.blobs.place(id, bytes.byteLength, sha256(bytes));
  assert.equal(await subject.blobs.rehashAsset(sha256(bytes)), sha256(bytes));
}

async function joinsInOrder(subject: BlobStoreSubject): Promise<void> {
  const made = await parts(subject);
  const id = subject.newId();
  for (let again = 0; again < 2; again += 1)
    assert.deepEqual(await subject.blobs.join(id, { parts: made, takeFirst: false }), hashed(all));
  const there = await list(subject.blobs.storedUploads());
  for (const part of made) assert.ok(there.includes(part.id), 'parts keep their bytes');
  await isPlaceable(subject, id, all);
}

async function joinsAPartWithItself(subject: BlobStoreSubject): Promise<void> {
  const bytes = patternBytes(200 * kib, 63);
  const part = { id: await stored(subject, bytes), size: bytes.byteLength };
  const id = subject.newId();
  const twice = Buffer.concat([bytes, bytes]);
  assert.deepEqual(await subject.blobs.join(id, { parts: [part, part], takeFirst: false }), hashed(twice));
  await isPlaceable(subject, id, twice);
}

async function joinTakesTheFirst(subject: BlobStoreSubject): Promise<void> {
  const made = await parts(subject);
  const id = subject.newId();
  for (const part of made) await subject.blobs.harden(part.id);
  for (let again = 0; again < 2; again += 1)
    assert.deepEqual(await subject.blobs.join(id, { parts: made, takeFirst: true }), hashed(all));
  const there = await list(subject.blobs.storedUploads());
  assert.ok(!there.includes(made[0]?.id ?? ''), 'the first is not its own any more');
  assert.ok(there.includes(made[1]?.id ?? ''), 'the others keep their bytes');
  await isPlaceable(subject, id, all);
}

async function joinGoesOnAfterACrash(subject: BlobStoreSubject): Promise<void> {
  const made = await parts(subject);
  const id = subject.newId();
  const lost = { id: subject.newId(), size: 5 };
  await rejectsWith('storage-damaged', subject.blobs.join(id, { parts: [...made, lost], takeFirst: true }));
  assert.deepEqual(await subject.blobs.join(id, { parts: made, takeFirst: true }), hashed(all));
  await isPlaceable(subject, id, all);
}

async function joinNeedsAllBytes(subject: BlobStoreSubject): Promise<void> {
  const short = { id: await stored(subject, patternBytes(1000, 64)), size: 1001 };
  const gone = { id: subject.newId(), size: 10 };
  for (const part of [short, gone])
    await rejectsWith('storage-damaged', subject.blobs.join(subject.newId(), { parts: [part], takeFirst: false }));
  await rejectsWith('storage-damaged', subject.blobs.join(subject.newId(), { parts: [gone], takeFirst: true }));
}

export const joinChecks: readonly BlobStoreCheck[] = [
  joinsInOrder,
  joinsAPartWithItself,
  joinTakesTheFirst,
  joinGoesOnAfterACrash,
  joinNeedsAllBytes,
];
