/**
 * Bytes. Incoming bytes belong to an upload; completed ones to an asset. A conformance suite runs on every adapter.
 * Obligations shared by all methods: arguments are trusted ids (never raw user input) and yet checked; a failure is a HoldfastError
 * (`insufficient-storage`, `storage-damaged`, `unavailable`) and leaves nothing acknowledged changed.
 */
import type { Readable } from 'node:stream';
import type { Digest, DigestAlgorithm } from '../digest.ts';
import type { HoldfastError } from '../errors.ts';
import type { ExtentSet, Range } from '../extents.ts';
import type { Sha256 } from '../upload.ts';
import type { BodySource } from './body-source.ts';
import type { LocalFile } from './local-file.ts';

export interface WriteRequest {
  readonly uploadId: string;
  readonly offset: number;
  /** Bytes the body must have. */
  readonly length: number;
  readonly body: BodySource;
  /** Digests to compute of these bytes while they pass. */
  readonly digests: readonly DigestAlgorithm[];
  /** As in `AppendRequest`. Without it nobody else can come to write there. */
  mayWrite?(): boolean;
}

export interface Written {
  readonly crc32: number;
  /** Those that were asked for. */
  readonly digests: readonly Digest[];
}

export interface AppendRequest {
  readonly uploadId: string;
  readonly offset: number;
  /** Bytes that may be written at most. */
  readonly lengthMax: number;
  readonly body: BodySource;
  /** Digests to compute of these bytes while they pass. */
  readonly digests: readonly DigestAlgorithm[];
  /** Asked with the bytes taken so far, at first (0) and after each batch; true, once there are some, leaves the rest of the body for the next call. */
  isEnough(bytes: number): boolean;
  /** Asked before each write, when nothing can come between any more; false ends the writing with `lease-lost`. */
  mayWrite(): boolean;
}

export interface Appended extends Written {
  /** Bytes written, from `offset` on, without a gap. */
  readonly length: number;
  /** Why it ended: enough for a segment, the end of the body, or what went wrong after these bytes (with the body, the disk or the lease). */
  readonly end: 'segment' | 'body' | HoldfastError;
}

export interface CompareRequest extends Omit<WriteRequest, 'uploadId' | 'mayWrite'> {
  /** Whose bytes the body is compared with. */
  readonly stored: { readonly uploadId: string } | { readonly asset: Sha256 };
}

export type Comparison =
  | ({ readonly same: true } & Written)
  /** `digests` of the whole body. */
  | { readonly same: false; readonly digests: readonly Digest[] }
  /** The stored bytes could not be read, for this reason. */
  | ({ readonly same: null; readonly reason: HoldfastError } & Written);

export interface JoinWish {
  /** Uploads with their sizes in bytes, above 0; one may be in it more than once. */
  readonly parts: readonly { readonly id: string; readonly size: number }[];
  readonly takeFirst: boolean;
  readonly onBytes?: HashProgress;
}

/** Hears now and then how many bytes from the start are hashed. */
export type HashProgress = (bytes: number) => void;

export interface HashWish {
  readonly fresh: boolean;
  readonly onBytes?: HashProgress;
}

/** Both of the same reading of the same bytes. */
export interface Hashed {
  readonly sha256: Sha256;
  readonly crc32: number;
}

export interface BlobStore {
  /** Makes room for `size` bytes (null: unknown). Idempotent. Rejects with `insufficient-storage` when that cannot fit. */
  prepare(uploadId: string, size: number | null): Promise<void>;
  /**
   * Writes the body at its offset, exactly `length` bytes: fewer → `body-too-short`, more → `body-too-long`. Bytes outside
   * [offset, offset+length) are never touched. Resolves when the bytes are written; durable only after `sync`.
   * A rejected write may leave anything inside its own range, so callers record an extent only after it resolved.
   */
  write(request: WriteRequest): Promise<Written>;
  /**
   * Writes the body from `offset` on, as far as it comes, and resolves with what is written, whatever ended it. Durable only after `sync`.
   * A body that goes on beyond `lengthMax` rejects with `body-too-long`, and nothing of this call counts. Bytes outside of
   * [offset, offset+lengthMax) are never touched.
   */
  append(request: AppendRequest): Promise<Appended>;
  /**
   * After this resolves, no write that began before it, in whatever process, reaches the upload's bytes any more; [0, upTo) are as they
   * were. For an upload that is taken over from a process that may come back. Costs a copy. Idempotent; fine when there are no bytes.
   * Rejects with `lease-lost` when another process has done so meanwhile.
   */
  isolate(uploadId: string, upTo: number): Promise<void>;
  /**
   * Reads the body, exactly `length` bytes as for `write`, and tells whether it is the stored ones; writes nothing. Where the stored bytes
   * cannot be read (any more), the body is read to its end all the same and its checksums are told. Other bytes end it early unless digests
   * are asked for.
   */
  compare(request: CompareRequest): Promise<Comparison>;
  /**
   * Everything that `write` resolved for before this call survives power loss once this resolves, of the range if one is given: a sync that failed
   * for bytes of others is no reason to refuse these. Concurrent calls share the work. No-op under durability `committed`.
   */
  sync(uploadId: string, range?: Range): Promise<void>;
  /** As `sync`, whatever the durability level. */
  harden(uploadId: string): Promise<void>;
  /**
   * What a sync has failed for: nobody can tell whether those bytes will ever be on disk, and nothing is placed before they were written
   * again, or copied (`isolate`). Empty when all is well.
   */
  lost(uploadId: string): ExtentSet;
  /**
   * Calls back with uploads for whose bytes a sync has failed that nobody waits for. Those of other processes do not hear of it from the disk: what
   * is not told is not known. The listener never rejects.
   */
  onSyncFailed(listener: (uploadId: string) => Promise<void>): void;
  /**
   * Makes the bytes of other uploads, one behind the other, those of this one, and resolves to the hashes of them all. With `takeFirst` the
   * first part's bytes are not copied and are its own no more. Idempotent, also after a crash in the middle of it. Rejects with
   * `storage-damaged` when a part has fewer bytes.
   */
  join(uploadId: string, wish: JoinWish): Promise<Hashed>;
  /** The upload's first `length` bytes, of which there are few. Rejects with `storage-damaged` when there are not so many. */
  head(uploadId: string, length: number): Promise<Uint8Array>;
  /** CRC-32 of stored bytes; null when the range cannot be read whole (short or missing file). */
  checksum(uploadId: string, range: Range): Promise<number | null>;

  /** Says that the bytes [0, upTo) are stored and recorded, so that hashing may follow in the background. Cheap; never rejects. */
  hashAhead(uploadId: string, upTo: number): void;
  /**
   * SHA-256 and CRC-32 of the upload's first `size` bytes, from what was hashed ahead: of the bytes as they were at that time. With `fresh` every
   * byte is read now, and what was hashed ahead is forgotten. Rejects with `storage-damaged` when there are fewer bytes.
   */
  hash(uploadId: string, size: number, wish: HashWish): Promise<Hashed>;
  /** Digest of the upload's first `size` bytes; lower-case hex. SHA-256, the default, as `hash` has it; others read every byte again. */
  digest(uploadId: string, size: number, algorithm?: DigestAlgorithm): Promise<string>;

  /**
   * Makes the upload's bytes the asset `digest`: synced whatever the durability level, put in place atomically in O(1), directory
   * entries durable. Idempotent: again after a crash, and when the asset already exists (then the upload's bytes are freed).
   * Rejects with `storage-damaged` when neither the upload's bytes nor the asset with that size is there.
   */
  place(uploadId: string, size: number, digest: Sha256): Promise<void>;
  /**
   * For an upload none of whose bytes count: lets go of what cannot be its bytes any more (a file that was removed, a link in its place), so that
   * they can come. Unlike `discard` it leaves those alone that have come meanwhile. Idempotent.
   */
  makeWay(uploadId: string): Promise<void>;
  /** Frees the upload's bytes and whatever is held for it. Idempotent. */
  discard(uploadId: string): Promise<void>;

  /** Bytes of the asset, or null when it is not there. */
  assetSize(digest: Sha256): Promise<number | null>;
  /** A stream over a range of the asset. Rejects with `storage-damaged` when it is not there. */
  readAsset(digest: Sha256, range: Range): Promise<Readable>;
  /** The asset as a file that local tools can read. Rejects with `storage-damaged` when it is not there, `insufficient-storage`, `unavailable`. */
  localAsset(digest: Sha256): Promise<LocalFile>;
  /** SHA-256 of the stored asset, read again from storage, for `verify`. Null when it is not there. `onBytes` hears how many bytes were read so far. */
  rehashAsset(digest: Sha256, onBytes?: (bytes: number) => void): Promise<Sha256 | null>;

  /**
   * Frees the bytes of the asset. For whoever knows that nothing recorded needs them, and that nobody places the same content meanwhile. Who reads
   * them may read on or fail. Durable when it resolves. Idempotent.
   */
  removeAsset(digest: Sha256): Promise<void>;

  /** Ids of uploads that have bytes here, for `verify` only. */
  storedUploads(): AsyncIterable<string>;
  /** Digests of assets that are here, for `verify` only. */
  storedAssets(): AsyncIterable<Sha256>;
  /** Free bytes, null if not known. */
  freeBytes(): Promise<number | null>;
  /** Resolves if the store can be written to. */
  ping(): Promise<void>;
  /** Lets go of descriptors and workers. */
  close(): Promise<void>;
}
