/**
 * Where the bytes of unfinished uploads are, for stores that keep them as objects: the truth that all nodes share. What a listing of the store
 * shows is never believed over it. Kept in the database; a conformance suite runs on every adapter.
 *
 * Pieces of an upload never overlap. An object may be named by pieces of several uploads (concatenation costs no copy); one that no piece
 * names any more becomes garbage in the same transaction, so that a crash before it is removed from the store forgets nothing.
 */
import type { Range } from '../extents.ts';
import type { Sha256 } from '../upload.ts';

/** A run of bytes of an upload. `start` and `end` are in the upload. */
export interface Piece extends Range {
  /** Where the bytes are; null: in the database itself, because they are too few for an object of their own. */
  readonly object: PieceObject | null;
}

export interface PieceObject {
  /** Its name in the store, `<upload>/<nonce>`. Never written a second time. */
  readonly name: string;
  /** Where in the object the piece begins. */
  readonly at: number;
  /** Bytes of the whole object. */
  readonly size: number;
  /** As the store told it, without quotes. */
  readonly etag: string;
}

/** Bytes that the database keeps itself. */
export interface InlinePiece {
  readonly start: number;
  readonly bytes: Uint8Array;
}

export interface MapHead {
  /** Rises when a write that is under way must not count any more. */
  readonly epoch: number;
  /** Rises when recorded bytes are replaced by others: what was hashed of them counts no more. */
  readonly rewrites: number;
  /** Bytes that the database keeps itself. */
  readonly inlineBytes: number;
  /** SHA-256 of the first `size` bytes, as long as no piece was recorded since. */
  readonly digest: { readonly sha256: Sha256; readonly size: number } | null;
  /** What is being assembled, in words of the store, so that it is gone on with after a crash. */
  readonly target: string | null;
}

/** Pieces, and `rewrites` of the map from before they were asked for. */
export interface SeenPieces {
  readonly pieces: readonly Piece[];
  readonly rewrites: number;
}

/** `gone`: the upload has no map (any more); `fenced`: its epoch is another one. */
export type Recorded = { readonly kind: 'recorded'; readonly head: MapHead } | { readonly kind: 'gone' | 'fenced' };

export interface JoinPart {
  readonly id: string;
  readonly size: number;
}

export interface PartMap {
  /** Begins an upload without bytes. Idempotent. */
  open(uploadId: string): Promise<void>;
  find(uploadId: string): Promise<MapHead | null>;
  /**
   * Records bytes that are durable in the store, or keeps those given inline. They replace whatever was recorded for their range; pieces that
   * reach beyond it keep what is outside. Nothing changes unless the epoch is the given one.
   */
  record(uploadId: string, epoch: number, piece: Piece | InlinePiece): Promise<Recorded>;
  /**
   * Puts one piece in the place of several with the same bytes. False, and nothing changed, unless exactly these are recorded for its range and
   * no recorded bytes were replaced since they were looked at: pieces that the database keeps itself tell nothing of their bytes.
   */
  replace(uploadId: string, seen: SeenPieces, by: Piece): Promise<boolean>;
  /** Pieces that have bytes of the range, in order; all of them without one. */
  pieces(uploadId: string, range?: Range): Promise<Piece[]>;
  /** The bytes that the database keeps of these ranges, in order. */
  inline(uploadId: string, range: Range): Promise<InlinePiece[]>;
  /** Raises the epoch; the head and the pieces as of then. Null when there is no map. */
  fence(uploadId: string): Promise<{ readonly head: MapHead; readonly pieces: readonly Piece[] } | null>;
  /** Remembers the digest, unless bytes were recorded since `head` was read. */
  setDigest(uploadId: string, head: MapHead, digest: { readonly sha256: Sha256; readonly size: number }): Promise<void>;
  /** False when there is no map. */
  setTarget(uploadId: string, target: string | null): Promise<boolean>;
  /**
   * Makes the pieces of the parts, one behind the other, those of the upload, all or none. With `takeFirst` the first part has none any more;
   * where it was taken before, the upload's own pieces stand for it. False when a part has fewer bytes.
   */
  adopt(uploadId: string, parts: readonly JoinPart[], takeFirst: boolean): Promise<boolean>;
  /** Forgets the upload. Idempotent. Resolves to the names of objects that became garbage by it. */
  remove(uploadId: string): Promise<string[]>;

  /** Names of objects that no piece names any more and that may still be in the store; of one upload, or at most `limit` of all. */
  garbage(of: { readonly uploadId: string } | { readonly limit: number }): Promise<string[]>;
  /** They are removed from the store. */
  swept(names: readonly string[]): Promise<void>;
  /** Those of the names that pieces name. */
  named(names: readonly string[]): Promise<Set<string>>;
  /** Ids of uploads that have a map, in order, beyond `after`. */
  uploads(after: string, limit: number): Promise<string[]>;
}
