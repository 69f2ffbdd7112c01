/** Where bytes of an upload go by how many they are. */
export interface PieceSizes {
  /** A write of at most this many bytes is kept in the database: no request, no object. */
  readonly inlineBytesMax: number;
  /** Bytes of an upload that the database keeps before they become objects. */
  readonly inlineTotalMax: number;
  /** A write of at most this many bytes is collected in memory where there is room, so that it can be checked ahead and sent again. */
  readonly pieceBytes: number;
  /** The least that the server takes as a part of an object, but for the last. */
  readonly partBytesMin: number;
  /** The most that one request copies. */
  readonly copyBytesMax: number;
  /** Parts of one object. */
  readonly partsMax: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;

/** Limits of Amazon S3 ("Amazon S3 multipart upload limits"); other servers have the same. */
export const s3Sizes: PieceSizes = {
  inlineBytesMax: 256 * KiB,
  inlineTotalMax: 8 * MiB,
  pieceBytes: 16 * MiB,
  partBytesMin: 5 * MiB,
  copyBytesMax: 5 * 1024 * MiB,
  partsMax: 10_000,
};
