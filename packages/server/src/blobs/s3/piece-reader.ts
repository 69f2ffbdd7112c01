/** Reading bytes back: ranges of objects that go on where a connection broke, and uploads as their part map tells where the bytes are. */
import type { Readable } from 'node:stream';
import { HoldfastError } from '../../core/errors.ts';
import type { Range } from '../../core/extents.ts';
import type { PartMap, Piece } from '../../core/ports/part-map.ts';
import type { Sha256 } from '../../core/upload.ts';
import { RunningDigests } from '../disk/running-digests.ts';
import type { Bucket } from './bucket.ts';
import type { S3Keys } from './keys.ts';
import { isPassing, s3Error } from './s3-errors.ts';

/** Failures in a row without a byte in between. */
const triesMax = 4;

export interface PieceSources {
  readonly bucket: Bucket;
  readonly keys: S3Keys;
  readonly map: PartMap;
}

/** No byte came although somebody waited for it. */
class Stalled extends Error {
  override readonly name = 'Stalled';
}

/**
 * The bytes of a range of an object. Rejects with `storage-damaged` when it is not there or has fewer, and with `unavailable` when the store
 * fails, or sends nothing for `readStallMs`, several times without a byte in between. While nobody asks for more, no time counts.
 */
export async function* objectBytes(
  bucket: Bucket,
  from: { readonly key: string; readonly etag?: string; readonly range: Range },
): AsyncGenerator<Uint8Array> {
  let { start } = from.range;
  for (let tried = 1; start < from.range.end; ) {
    try {
      const stream = await opened(bucket, from.key, { range: { start, end: from.range.end }, etag: from.etag });
      for await (const bytes of watched(bucket, stream)) {
        start += bytes.byteLength;
        tried = 1;
        yield bytes;
      }
      if (start < from.range.end) throw new Error('The answer ended before all its bytes had come.');
    } catch (error) {
      if (isShorter(error))
        throw new HoldfastError('storage-damaged', 'An object in the store is shorter than recorded.', {
          cause: error,
        });
      if (tried === triesMax || !isPassing(error)) throw s3Error('reading stored bytes', error);
      await bucket.pause(tried);
      tried += 1;
    }
  }
}

async function opened(
  bucket: Bucket,
  key: string,
  { range, etag }: { readonly range: Range; readonly etag: string | undefined },
): Promise<Readable> {
  const { clock, readStallMs } = bucket.settings;
  const abort = new AbortController();
  const cancel = clock.after(readStallMs, () => abort.abort());
  try {
    return await bucket.get(key, range, { etag, signal: abort.signal });
  } catch (error) {
    throw abort.signal.aborted ? new Stalled('The store did not answer.', { cause: error }) : error;
  } finally {
    cancel();
  }
}

async function* watched(bucket: Bucket, stream: Readable): AsyncGenerator<Uint8Array> {
  const { clock, readStallMs } = bucket.settings;
  const reading = (stream as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const cancel = clock.after(readStallMs, () => stream.destroy(new Stalled('The store stopped sending.')));
      const next = await reading.next().finally(cancel);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await reading.return?.();
  }
}

function isShorter(error: unknown): boolean {
  const name = error instanceof Error ? error.name : '';
  return name === 'InvalidRange' || name === 'PreconditionFailed' || name === '416' || name === '412';
}

/**
 * The bytes of a range of an upload, in order. Rejects with `storage-damaged` when some are not recorded or not in the store. Pieces that are
 * put together meanwhile are found where they went.
 */
export async function* uploadBytes(sources: PieceSources, uploadId: string, range: Range): AsyncGenerator<Uint8Array> {
  let { start } = range;
  let seen = '';
  while (start < range.end) {
    const rest = { start, end: range.end };
    const pieces = await sources.map.pieces(uploadId, rest);
    try {
      for await (const bytes of pieceBytes(sources, uploadId, { pieces, range: rest })) {
        start += bytes.byteLength;
        yield bytes;
      }
    } catch (error) {
      const now = JSON.stringify(await sources.map.pieces(uploadId, { start, end: range.end }));
      const same = now === JSON.stringify(pieces.filter((piece) => piece.end > start)) || now === seen;
      if (same || !(error instanceof HoldfastError && error.code === 'storage-damaged')) throw error;
      seen = now;
    }
  }
}

/** As `uploadBytes`, for pieces that are known. */
export async function* pieceBytes(
  { bucket, keys, map }: PieceSources,
  uploadId: string,
  { pieces, range }: { readonly pieces: readonly Piece[]; readonly range: Range },
): AsyncGenerator<Uint8Array> {
  let at = range.start;
  for (const piece of pieces) {
    if (piece.end <= at) continue;
    if (piece.start > at || at >= range.end) break;
    const end = Math.min(piece.end, range.end);
    if (piece.object === null) yield* inlineBytes(map, uploadId, { start: at, end });
    else {
      const { name, etag } = piece.object;
      const from = piece.object.at + at - piece.start;
      yield* objectBytes(bucket, { key: keys.piece(name), etag, range: { start: from, end: from + end - at } });
    }
    at = end;
  }
  if (at < range.end) throw new HoldfastError('storage-damaged', 'Stored bytes of this upload are missing.');
}

async function* inlineBytes(map: PartMap, uploadId: string, range: Range): AsyncGenerator<Uint8Array> {
  let at = range.start;
  for (const { start, bytes } of await map.inline(uploadId, range)) {
    if (start !== at) break;
    at += bytes.byteLength;
    yield bytes;
  }
  // Folded into an object meanwhile, or replaced.
  if (at < range.end) throw new HoldfastError('storage-damaged', 'Stored bytes of this upload have moved.');
}

/** What was read of a generator to see whether there is anything, and the rest. */
export async function* prepended(
  first: IteratorResult<Uint8Array, void>,
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first.done !== true) yield first.value;
  yield* rest;
}

/** Answers reads at rising positions from one pass over the bytes. */
export class PassReader {
  readonly #open: (start: number) => AsyncGenerator<Uint8Array>;
  #pass: AsyncGenerator<Uint8Array> | null = null;
  #left: Uint8Array = new Uint8Array();
  #at = 0;

  constructor(open: (start: number) => AsyncGenerator<Uint8Array>) {
    this.#open = open;
  }

  /** Fills some of `target` from `position`; the number of bytes, 0 at the end. */
  async read(target: Uint8Array, position: number): Promise<number> {
    if (this.#pass === null || position !== this.#at) {
      await this.close();
      this.#pass = this.#open(position);
      this.#at = position;
      this.#left = new Uint8Array();
    }
    while (this.#left.byteLength === 0) {
      const next = await this.#pass.next();
      if (next.done === true) return 0;
      this.#left = next.value;
    }
    const taken = Math.min(target.byteLength, this.#left.byteLength);
    target.set(this.#left.subarray(0, taken));
    this.#left = this.#left.subarray(taken);
    this.#at += taken;
    return taken;
  }

  async close(): Promise<void> {
    await this.#pass?.return(undefined);
    this.#pass = null;
  }
}

/** Rejects with `storage-damaged` unless the map has all of [0, size). */
export async function requireBytes(map: Pick<PartMap, 'pieces'>, uploadId: string, size: number): Promise<void> {
  let at = 0;
  for (const piece of await map.pieces(uploadId, { start: 0, end: size })) {
    if (piece.start > at) break;
    at = piece.end;
  }
  if (at < size)
    throw new HoldfastError('storage-damaged', 'The store has fewer bytes than the upload', {
      details: { expected: size, stored: at },
    });
}

/** SHA-256 of a whole object, read from the store. */
export async function objectDigest(
  bucket: Bucket,
  { key, size }: { readonly key: string; readonly size: number },
  onBytes?: (bytes: number) => void,
): Promise<Sha256> {
  const digests = new RunningDigests(['sha-256']);
  let read = 0;
  for await (const bytes of objectBytes(bucket, { key, range: { start: 0, end: size } })) {
    digests.update(bytes);
    read += bytes.byteLength;
    onBytes?.(read);
  }
  return digests.only();
}
