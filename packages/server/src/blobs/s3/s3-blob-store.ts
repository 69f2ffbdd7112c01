/**
 * Blobs in an S3-compatible store. Bytes of an upload are pieces: objects that are written once, or few bytes in the database. The part map
 * says which piece stands for which bytes (decision 0022); an asset is made of them by the store itself at the end.
 */
import { Readable } from 'node:stream';
import type { DigestAlgorithm } from '../../core/digest.ts';
import { HoldfastError, invariant } from '../../core/errors.ts';
import { type ExtentSet, emptyExtents, type Range } from '../../core/extents.ts';
import type {
  Appended,
  AppendRequest,
  BlobStore,
  CompareRequest,
  Comparison,
  Hashed,
  HashWish,
  JoinWish,
  WriteRequest,
  Written,
} from '../../core/ports/blob-store.ts';
import type { LocalFile } from '../../core/ports/local-file.ts';
import type { MapHead } from '../../core/ports/part-map.ts';
import type { Sha256 } from '../../core/upload.ts';
import { compareBody } from '../disk/compare.ts';
import { isDigest } from '../disk/layout.ts';
import { RunningDigests } from '../disk/running-digests.ts';
import { Assembler } from './assembler.ts';
import type { Follower } from './follower.ts';
import type { LocalCache } from './local-cache.ts';
import { objectBytes, objectDigest, PassReader, prepended, requireBytes, uploadBytes } from './piece-reader.ts';
import { headOf, type WriterParts } from './piece-writer.ts';
import { receiveAppended, receiveChunk } from './receive.ts';
import { Removal } from './removal.ts';
import { s3Translated } from './s3-errors.ts';

export interface S3BlobStoreParts extends Omit<WriterParts, 'crowded' | 'tidy'> {
  readonly follower: Follower;
  readonly cache: LocalCache;
  /** Whether clients send to the bucket themselves: then what they sent in vain is removed with the upload. */
  readonly arrivals: boolean;
  /** Let go of when the store is closed. */
  readonly closing: readonly { close(): Promise<void> }[];
}

const mapsPerPage = 500;

export class S3BlobStore implements BlobStore {
  readonly #parts: WriterParts & S3BlobStoreParts;
  readonly #assembler: Assembler;
  readonly #removal: Removal;

  constructor(parts: S3BlobStoreParts) {
    this.#assembler = new Assembler(parts);
    this.#removal = new Removal(parts);
    // Whoever brought the last bytes has them recorded; putting pieces together can wait, and somebody else may be at it.
    const crowded = (uploadId: string, head: MapHead) =>
      this.#assembler.foldInline(uploadId, head).catch((error: unknown) => {
        if (!(error instanceof HoldfastError)) throw error;
      });
    this.#parts = { ...parts, crowded, tidy: (uploadId) => this.#removal.garbage({ uploadId }).then(() => {}) };
  }

  /** For others that write pieces. */
  get writing(): WriterParts {
    return this.#parts;
  }

  async prepare(uploadId: string, size: number | null): Promise<void> {
    invariant(size === null || (Number.isSafeInteger(size) && size >= 0), 'size in whole bytes');
    this.#parts.keys.piecesOf(uploadId);
    await this.#parts.map.open(uploadId);
  }

  write(request: WriteRequest): Promise<Written> {
    const { offset, length } = request;
    invariant(Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(offset + length), 'whole bytes');
    return receiveChunk(this.#parts, request);
  }

  append(request: AppendRequest): Promise<Appended> {
    invariant(Number.isSafeInteger(request.offset) && request.offset >= 0 && request.lengthMax >= 0, 'whole bytes');
    return receiveAppended(this.#parts, request);
  }

  /** Objects are written once: it is enough that what the other process still records is refused. */
  async isolate(uploadId: string, _upTo: number): Promise<void> {
    this.#parts.hashes.forget(uploadId);
    await this.#parts.map.fence(uploadId);
  }

  async compare(request: CompareRequest): Promise<Comparison> {
    const { stored } = request;
    const end = request.offset + request.length;
    const { bucket, keys } = this.#parts;
    const reader = new PassReader((start) =>
      'uploadId' in stored
        ? uploadBytes(this.#parts, stored.uploadId, { start, end })
        : objectBytes(bucket, { key: keys.asset(stored.asset), range: { start, end } }),
    );
    try {
      return await compareBody((target, position) => reader.read(target, position), request);
    } finally {
      await reader.close();
    }
  }

  /** What `write` resolved for is in the store already. */
  async sync(_uploadId: string): Promise<void> {}

  async harden(_uploadId: string): Promise<void> {}

  lost(_uploadId: string): ExtentSet {
    return emptyExtents;
  }

  onSyncFailed(): void {}

  async join(uploadId: string, wish: JoinWish): Promise<Hashed> {
    this.#parts.follower.forget(uploadId);
    if (!(await this.#parts.map.adopt(uploadId, wish.parts, wish.takeFirst)))
      throw new HoldfastError('storage-damaged', 'A part has fewer bytes in the store than were recorded.');
    await this.#removal.garbage({ uploadId });
    const size = wish.parts.reduce((sum, part) => sum + part.size, 0);
    return await this.hash(uploadId, size, { ...wish, fresh: false });
  }

  async head(uploadId: string, length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const bytes of uploadBytes(this.#parts, uploadId, { start: 0, end: length })) parts.push(bytes);
    return Buffer.concat(parts);
  }

  async checksum(uploadId: string, range: Range): Promise<number | null> {
    const digests = new RunningDigests([]);
    try {
      for await (const bytes of uploadBytes(this.#parts, uploadId, range)) digests.update(bytes);
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'storage-damaged') return null;
      throw error;
    }
    return digests.crc32;
  }

  hashAhead(uploadId: string, upTo: number): void {
    this.#parts.follower.follow(uploadId, upTo);
  }

  async hash(uploadId: string, size: number, { fresh, onBytes }: HashWish): Promise<Hashed> {
    const head = await headOf(this.#parts, uploadId);
    // All of it has to be there, whatever was hashed.
    await requireBytes(this.#parts.map, uploadId, size);
    const hashed = await this.#parts.follower.hash(uploadId, size, { head, fresh, onBytes: onBytes ?? null });
    await this.#parts.map.setDigest(uploadId, head, { sha256: hashed.sha256, size });
    return hashed;
  }

  async digest(uploadId: string, size: number, algorithm: DigestAlgorithm = 'sha-256'): Promise<string> {
    if (algorithm === 'sha-256') return (await this.hash(uploadId, size, { fresh: false })).sha256;
    await headOf(this.#parts, uploadId);
    const digests = new RunningDigests([algorithm]);
    for await (const bytes of uploadBytes(this.#parts, uploadId, { start: 0, end: size })) digests.update(bytes);
    return digests.only();
  }

  async place(uploadId: string, size: number, digest: Sha256): Promise<void> {
    invariant(isDigest(digest), 'digest is 64 lower-case hex digits');
    const placing = s3Translated('placing an asset', () => this.#place(uploadId, size, digest));
    // Another process may have put it there meanwhile, and removed what it was made of.
    const made = await placing.catch(async (error: unknown) => {
      if ((await this.assetSize(digest)) !== size) throw error;
      return false;
    });
    await this.#free(uploadId, !made);
  }

  /** A piece takes the place of what is recorded, whether its object is there or not. */
  async makeWay(uploadId: string): Promise<void> {
    this.#parts.follower.forget(uploadId);
  }

  async discard(uploadId: string): Promise<void> {
    this.#parts.follower.forget(uploadId);
    const known = await this.#parts.map.find(uploadId);
    await this.#free(uploadId);
    if (known === null) await s3Translated('freeing an upload', () => this.#removal.unknown(uploadId));
  }

  async assetSize(digest: Sha256): Promise<number | null> {
    const { bucket, keys } = this.#parts;
    return (await s3Translated('looking for an asset', () => bucket.head(keys.asset(digest))))?.size ?? null;
  }

  async readAsset(digest: Sha256, range: Range): Promise<Readable> {
    if (range.end <= range.start) return Readable.from([]);
    const from = { key: this.#parts.keys.asset(digest), range };
    const bytes = objectBytes(this.#parts.bucket, from);
    // The first bytes tell whether it is there.
    const first = await bytes.next();
    return Readable.from(prepended(first, bytes), { objectMode: false });
  }

  async localAsset(digest: Sha256): Promise<LocalFile> {
    const size = await this.assetSize(digest);
    if (size === null)
      throw new HoldfastError('storage-damaged', 'The asset is not in the store.', { details: { assetId: digest } });
    return await this.#parts.cache.file({ sha256: digest, size, name: 'asset', key: this.#parts.keys.asset(digest) });
  }

  async rehashAsset(digest: Sha256, onBytes?: (bytes: number) => void): Promise<Sha256 | null> {
    const size = await this.assetSize(digest);
    if (size === null) return null;
    return await objectDigest(this.#parts.bucket, { key: this.#parts.keys.asset(digest), size }, onBytes);
  }

  async removeAsset(digest: Sha256): Promise<void> {
    const { bucket, keys, cache } = this.#parts;
    await s3Translated('removing an asset', () => bucket.remove(keys.asset(digest)));
    cache.forget(digest);
  }

  /** Those with a map, and those of which the store has objects. */
  async *storedUploads(): AsyncIterable<string> {
    const { map, bucket, keys } = this.#parts;
    for (let after = ''; ; ) {
      const page = await map.uploads(after, mapsPerPage);
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < mapsPerPage) break;
      after = last;
    }
    for await (const { key } of bucket.list(keys.incoming, '/')) {
      const id = key.slice(keys.incoming.length, -1);
      if ((await map.find(id)) === null && (await this.#removal.unnamed(id)).length > 0) yield id;
    }
  }

  async *storedAssets(): AsyncIterable<Sha256> {
    const { bucket, keys } = this.#parts;
    for await (const { key } of bucket.list(keys.assets)) {
      const digest = key.slice(key.lastIndexOf('/') + 1);
      if (isDigest(digest)) yield digest;
    }
  }

  async freeBytes(): Promise<number | null> {
    return null;
  }

  async ping(): Promise<void> {
    await s3Translated('checking the store', () => this.#parts.bucket.reach());
  }

  async close(): Promise<void> {
    await this.#parts.follower.close();
    for (const part of this.#parts.closing) await part.close();
    this.#parts.bucket.client.destroy();
  }

  /** Whether it was made by this call; false: it was there. */
  async #place(uploadId: string, size: number, digest: Sha256): Promise<boolean> {
    const { map, bucket, keys, follower } = this.#parts;
    const key = keys.asset(digest);
    if ((await bucket.head(key))?.size === size) return false;
    // From here on nothing of a write that began before counts any more.
    const fenced = await map.fence(uploadId);
    if (fenced === null)
      throw new HoldfastError('storage-damaged', 'Neither the bytes of the upload nor its asset are in the store', {
        details: { assetId: digest },
      });
    const { head, pieces } = fenced;
    await requireBytes(this.#parts.map, uploadId, size);
    const known = head.digest?.size === size ? head.digest : null;
    const hashed = (known ?? (await follower.hash(uploadId, size, { head, fresh: false }))).sha256;
    if (hashed !== digest)
      throw new HoldfastError('storage-damaged', 'The stored bytes are not the ones that the asset is named after.', {
        details: { assetId: digest, stored: hashed },
      });
    await this.#assembler.assemble(
      { uploadId, pieces, rewrites: head.rewrites, range: { start: 0, end: size }, key },
      head.target,
    );
    return true;
  }

  /** `begun`: something may have been begun that is not needed any more. */
  async #free(uploadId: string, begun = true): Promise<void> {
    this.#parts.follower.forget(uploadId);
    const target = begun ? ((await this.#parts.map.find(uploadId))?.target ?? null) : null;
    if (target !== null) await this.#parts.bucket.letGo(JSON.parse(target)).catch(() => {});
    const names = await this.#parts.map.remove(uploadId);
    await this.#removal.objects(new Set([...names, ...(await this.#parts.map.garbage({ uploadId }))]));
    if (this.#parts.arrivals) await this.#removal.arrivals(uploadId).catch(() => {});
  }
}
