/** What the checks of the blob store suite share. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { crc32 } from '@node-rs/crc32';
import { type ErrorCode, HoldfastError } from '../core/errors.ts';
import type { BlobStore, Hashed } from '../core/ports/blob-store.ts';
import { bodyOf } from './body.ts';

/** What a check works on. */
export interface BlobStoreSubject {
  readonly blobs: BlobStore;
  /** An id that no check had before. */
  newId(): string;
  /** Called by a check that cannot run on this adapter. */
  skip(reason: string): void;
  /** The same storage in a new store, as after a crash of the process (the old one is not closed in order); null if not possible. */
  reopen: (() => Promise<BlobStore>) | null;
}
export type BlobStoreCheck = (subject: BlobStoreSubject) => Promise<void>;

export const kib = 1024;
export const mib = 1024 * kib;
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** As stores tell it. */
export function hashed(bytes: Uint8Array): Hashed {
  return { sha256: sha256(bytes), crc32: crc32(bytes) };
}

export async function rejectsWith(code: ErrorCode, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof HoldfastError, `a HoldfastError, not ${String(error)}`);
    assert.equal(error.code, code);
    return true;
  });
}

export async function put(blobs: BlobStore, id: string, part: { offset: number; bytes: Uint8Array }): Promise<void> {
  const body = bodyOf(part.bytes);
  const written = await blobs.write({
    uploadId: id,
    offset: part.offset,
    length: part.bytes.byteLength,
    body,
    digests: [],
  });
  assert.equal(written.crc32, crc32(part.bytes), 'CRC-32 of what was written');
  assert.equal(body.unreleased, 0, 'all batches are released');
}

/** An upload with `bytes` stored and synced. */
export async function stored(subject: BlobStoreSubject, bytes: Uint8Array): Promise<string> {
  const id = subject.newId();
  await subject.blobs.prepare(id, bytes.byteLength);
  if (bytes.byteLength > 0) await put(subject.blobs, id, { offset: 0, bytes });
  await subject.blobs.sync(id);
  return id;
}

export async function readAll(
  blobs: BlobStore,
  digest: string,
  range: { start: number; end: number },
): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const part of await blobs.readAsset(digest, range)) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

export async function list(items: AsyncIterable<string>): Promise<string[]> {
  const out: string[] = [];
  for await (const item of items) out.push(item);
  return out;
}
