/** Blobs in a folder of a local disk. See `layout.ts` for what is where, `upload-file.ts` for what is promised about syncs. */
import { writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { DigestAlgorithm } from '../../core/digest.ts';
import { HoldfastError, invariant } from '../../core/errors.ts';
import type { ExtentSet, Range } from '../../core/extents.ts';
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
import { type LocalFile, standingFile } from '../../core/ports/local-file.ts';
import type { Sha256 } from '../../core/upload.ts';
import { compareAsset, compareBody } from './compare.ts';
import type { DirectorySyncs } from './directory-syncs.ts';
import { fileDigest, inlineBytesMax, smallUploadDigest } from './file-digest.ts';
import type { FileIo } from './file-io.ts';
import { fileStream } from './file-stream.ts';
import type { HashPool } from './hash-pool.ts';
import { storeError, translated } from './io-errors.ts';
import { isolateSealed } from './isolation.ts';
import { beginJoin } from './join.ts';
import { type DiskLayout, isDigest, isUploadId } from './layout.ts';
import { makeRoom } from './make-room.ts';
import { placeSealed, removePlaced, sizeOf, unlinkIfForeign, unlinkIfThere } from './placement.ts';
import { receive, type WriteTarget } from './receive.ts';
import { receiveSegment } from './receive-segment.ts';
import type { SpaceGuard } from './space-guard.ts';
import { storedNames } from './stored-names.ts';
import { firstBytes, readerOf, storedChecksum } from './stored-range.ts';
import { SyncBehind } from './sync-behind.ts';
import type { UploadFile } from './upload-file.ts';
import type { UploadFiles } from './upload-files.ts';

/** What an acknowledged receipt survives: power loss, or a crash of the process. */
export type Durability = 'synced' | 'committed';

export interface DiskBlobStoreParts {
  readonly layout: DiskLayout;
  readonly durability: Durability;
  readonly io: FileIo;
  readonly files: UploadFiles;
  readonly directories: DirectorySyncs;
  readonly pool: HashPool;
  readonly space: SpaceGuard;
}

export class DiskBlobStore implements BlobStore {
  readonly #parts: DiskBlobStoreParts;
  readonly #syncBehind: SyncBehind;
  #syncFailed: (uploadId: string) => Promise<void> = async () => {};

  constructor(parts: DiskBlobStoreParts) {
    this.#parts = parts;
    this.#syncBehind = new SyncBehind(parts.durability, (uploadId) => this.#failed(uploadId));
  }

  async prepare(uploadId: string, size: number | null): Promise<void> {
    const wanted = size ?? 0;
    invariant(Number.isSafeInteger(wanted) && wanted >= 0, 'size in whole bytes');
    await translated('making room for an upload', () =>
      this.#parts.files.of(uploadId).hold((file) => makeRoom(this.#parts, file, wanted)),
    );
  }

  write(request: WriteRequest): Promise<Written> {
    const { uploadId, offset, length } = request;
    invariant(
      Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(offset + length) && length >= 0,
      'range in whole bytes',
    );
    // Bytes that were hashed are about to change (they were found damaged and are sent again).
    if (this.#parts.pool.followedTo(uploadId) > offset) this.#parts.pool.forget(uploadId);
    return this.#parts.files.of(uploadId).hold((file) => receive(this.#target(file), request));
  }

  append(request: AppendRequest): Promise<Appended> {
    const { uploadId, offset, lengthMax } = request;
    invariant(Number.isSafeInteger(offset) && offset >= 0 && lengthMax >= 0, 'range in whole bytes');
    if (this.#parts.pool.followedTo(uploadId) > offset) this.#parts.pool.forget(uploadId);
    return this.#parts.files.of(uploadId).hold((file) => receiveSegment(this.#target(file), request));
  }

  async isolate(uploadId: string, upTo: number): Promise<void> {
    await translated('taking an upload over', () =>
      this.#parts.files.exclusively(uploadId, (file) => isolateSealed(this.#parts, file, upTo)),
    );
  }

  compare(request: CompareRequest): Promise<Comparison> {
    const { stored } = request;
    const { io, files, layout } = this.#parts;
    if ('uploadId' in stored)
      return files.of(stored.uploadId).hold(async (file) => {
        await file.refresh();
        return await compareBody(readerOf({ io, file }), request);
      });
    return compareAsset({ io, path: layout.assetFile(stored.asset) }, request);
  }

  async sync(uploadId: string, range?: Range): Promise<void> {
    if (this.#parts.durability === 'committed') return this.#syncBehind.consider(this.#parts.files.of(uploadId));
    await translated('syncing an upload', () => this.#parts.files.of(uploadId).hold((file) => this.#sync(file, range)));
  }

  async harden(uploadId: string): Promise<void> {
    await translated('syncing an upload', () => this.#parts.files.of(uploadId).hold((file) => this.#harden(file)));
  }

  lost(uploadId: string): ExtentSet {
    return this.#parts.files.of(uploadId).lost;
  }

  onSyncFailed(listener: (uploadId: string) => Promise<void>): void {
    this.#syncFailed = listener;
  }

  async join(uploadId: string, wish: JoinWish): Promise<Hashed> {
    this.#parts.pool.forget(uploadId);
    const path = this.#parts.layout.incomingFile(uploadId);
    const sources = await translated('joining uploads', () => beginJoin(this.#parts, uploadId, wish));
    return await this.#parts.pool.join(path, sources, wish.onBytes);
  }

  head(uploadId: string, length: number): Promise<Uint8Array> {
    const { io, files } = this.#parts;
    return translated('reading the first bytes', () =>
      files.of(uploadId).hold(async (file) => {
        await file.refresh();
        return await firstBytes({ io, file }, length);
      }),
    );
  }

  async checksum(uploadId: string, range: Range): Promise<number | null> {
    try {
      return await this.#parts.files.of(uploadId).hold(async (file) => {
        await file.refresh();
        return await storedChecksum({ io: this.#parts.io, file }, range);
      });
    } catch (error) {
      const translatedError = storeError('reading a chunk', error);
      if (translatedError instanceof HoldfastError && translatedError.code === 'storage-damaged') return null;
      throw translatedError;
    }
  }

  hashAhead(uploadId: string, upTo: number): void {
    if (upTo > inlineBytesMax) this.#parts.pool.follow(uploadId, this.#parts.layout.incomingFile(uploadId), upTo);
  }

  async hash(uploadId: string, size: number, { fresh, onBytes }: HashWish): Promise<Hashed> {
    const { pool, layout } = this.#parts;
    if (fresh) pool.forget(uploadId);
    if (size > inlineBytesMax) return await pool.hash(uploadId, layout.incomingFile(uploadId), size, onBytes);
    const { value, crc32 } = await smallUploadDigest(this.#parts, uploadId, { size, algorithm: 'sha-256' });
    return { sha256: value, crc32 };
  }

  async digest(uploadId: string, size: number, algorithm: DigestAlgorithm = 'sha-256'): Promise<string> {
    if (algorithm === 'sha-256') return (await this.hash(uploadId, size, { fresh: false })).sha256;
    if (size <= inlineBytesMax) return (await smallUploadDigest(this.#parts, uploadId, { size, algorithm })).value;
    const path = this.#parts.layout.incomingFile(uploadId);
    return await this.#parts.pool.digestFile({ path, size, algorithm, awaited: true }, null);
  }

  async place(uploadId: string, size: number, digest: Sha256): Promise<void> {
    invariant(isDigest(digest), 'digest is 64 lower-case hex digits');
    await translated('placing an asset', () =>
      this.#parts.files.exclusively(uploadId, (file) => {
        this.#distrust(file);
        return placeSealed(this.#parts, file, { size, digest });
      }),
    );
    this.#parts.pool.forget(uploadId);
  }

  async makeWay(uploadId: string): Promise<void> {
    this.#parts.pool.forget(uploadId);
    await translated('making way for an upload', () =>
      this.#parts.files.exclusively(uploadId, (file) => unlinkIfForeign(this.#parts.io, file.path)),
    );
  }

  async discard(uploadId: string): Promise<void> {
    this.#parts.pool.forget(uploadId);
    await translated('freeing an upload', () =>
      this.#parts.files.exclusively(uploadId, (file) => unlinkIfThere(this.#parts.io, file.path)),
    );
    this.#parts.pool.forget(uploadId);
  }

  assetSize(digest: Sha256): Promise<number | null> {
    return translated('looking for an asset', () => sizeOf(this.#parts.io, this.#parts.layout.assetFile(digest)));
  }

  readAsset(digest: Sha256, range: Range): Promise<Readable> {
    return fileStream(this.#parts.io, this.#parts.layout.assetFile(digest), range);
  }

  async localAsset(digest: Sha256): Promise<LocalFile> {
    return standingFile(this.#parts.layout.assetFile(digest));
  }

  async rehashAsset(digest: Sha256, onBytes?: (bytes: number) => void): Promise<Sha256 | null> {
    const size = await this.assetSize(digest);
    return size === null
      ? null
      : fileDigest(this.#parts, { path: this.#parts.layout.assetFile(digest), size }, onBytes ?? null);
  }

  removeAsset(digest: Sha256): Promise<void> {
    return translated('removing an asset', () => removePlaced(this.#parts, digest));
  }

  storedUploads(): AsyncIterable<string> {
    return storedNames(this.#parts.layout.incoming, isUploadId);
  }

  async *storedAssets(): AsyncIterable<Sha256> {
    for (const folder of this.#parts.layout.assetFolders()) yield* storedNames(folder, isDigest);
  }

  freeBytes(): Promise<number | null> {
    return translated('asking for free space', () => this.#parts.space.free());
  }

  async ping(): Promise<void> {
    await translated('checking the store', () =>
      writeFile(`${this.#parts.layout.scratch}/.ping`, 'ping\n', { mode: 0o600 }),
    );
  }

  /** Also makes durable what `committed` left in the page cache, here or before a crash: a power loss after a clean stop takes nothing. */
  async close(): Promise<void> {
    const { files, directories, pool } = this.#parts;
    await pool.close();
    const failures: unknown[] = [];
    if (this.#parts.durability === 'committed') {
      for await (const id of this.storedUploads()) {
        await this.#parts.files
          .of(id)
          .hold(async (file) => {
            // Another process may have taken the upload over and given it another file.
            await file.refresh();
            await this.#harden(file);
          })
          .catch(async (error: unknown) => {
            failures.push(error);
            await this.#failed(id);
          });
      }
    }
    await files.close();
    await directories.close();
    if (failures.length > 0) throw storeError('syncing before the stop', failures[0]);
  }

  /** Under `committed` a failed sync is for the end to tell: it does not fail the chunk that is being written. */
  #target(file: UploadFile): WriteTarget {
    const { io, durability } = this.#parts;
    return durability === 'synced' ? { io, file, landed: () => this.#syncBehind.consider(file) } : { io, file };
  }

  /** Under `synced` nothing that was acknowledged waits for a sync. */
  async #failed(uploadId: string): Promise<void> {
    if (this.#parts.durability === 'committed') await this.#syncFailed(uploadId);
  }

  /** Under `committed` no other process has synced what it wrote; under `synced` each has. */
  #distrust(file: UploadFile): void {
    if (this.#parts.durability === 'committed') file.distrust();
  }

  async #harden(file: UploadFile): Promise<void> {
    this.#distrust(file);
    await this.#sync(file);
  }

  async #sync(file: UploadFile, range?: Range): Promise<void> {
    const entry = file.entryDurable ? null : this.#parts.directories.sync(this.#parts.layout.incoming);
    const results = await Promise.allSettled([file.sync(range), entry]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    file.entryDurable = true;
  }
}
