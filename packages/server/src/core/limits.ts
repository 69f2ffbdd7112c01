/** Every bound of the system in one place; units last in the names. Checked against each other at start. */
import { HoldfastError, invariant } from './errors.ts';

export interface Limits {
  readonly fileBytesMax: number;
  readonly chunkBytesMin: number;
  readonly chunkBytesMax: number;
  readonly chunkBytesDefault: number;
  /** Chunks per upload: a large file gets larger chunks instead of more. */
  readonly chunksMax: number;
  /** Unfinished uploads per principal. */
  readonly liveUploadsMax: number;
  /** Bytes of all unfinished uploads of a principal together. */
  readonly liveBytesMax: number;
  readonly filenameCharsMax: number;
  readonly metadataEntriesMax: number;
  readonly metadataKeyCharsMax: number;
  readonly metadataValueCharsMax: number;
  /** An upload expires this long after its last receipt. */
  readonly uploadTtlMs: number;
  /** Ended uploads are kept in lists this long. */
  readonly endedRetentionMs: number;
  /** A sender that sends nothing for this long is cut off. */
  readonly bodyIdleMs: number;
  /** A sender that sends less than this on average over `bodyIdleMs` is cut off too. */
  readonly bodyBytesPerSecondMin: number;
  /** A second body for a chunk waits this long for the first one to end. */
  readonly chunkWaitMs: number;
  /** A request that appends waits this long for the one before it to let go. */
  readonly appendWaitMs: number;
  /** A long body is recorded whenever this many bytes of it have arrived, or after this time: what a crash of the process can take. */
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** Parts of a concatenation. */
  readonly partsMax: number;
  /** Addresses in the store that one request may ask for, and how long each holds. */
  readonly addressesMax: number;
  readonly addressMs: number;
  /** How long the content of an asset can be read at an address in the store; players ask there again while they play. */
  readonly downloadMs: number;
  /** The right to finish an upload, renewed while it is worked on. */
  readonly finishLeaseMs: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const hour = 3_600_000;

export const defaultLimits: Limits = {
  fileBytesMax: 1024 * 1024 * MiB,
  chunkBytesMin: 64 * KiB,
  chunkBytesMax: 64 * MiB,
  chunkBytesDefault: 8 * MiB,
  chunksMax: 100_000,
  liveUploadsMax: 5_000,
  liveBytesMax: Number.MAX_SAFE_INTEGER,
  filenameCharsMax: 1024,
  metadataEntriesMax: 64,
  metadataKeyCharsMax: 128,
  metadataValueCharsMax: 4096,
  uploadTtlMs: 24 * hour,
  endedRetentionMs: 7 * 24 * hour,
  bodyIdleMs: 30_000,
  bodyBytesPerSecondMin: 1_024,
  chunkWaitMs: 10_000,
  appendWaitMs: 10_000,
  segmentBytes: 16 * MiB,
  segmentMs: 5_000,
  partsMax: 1_000,
  addressesMax: 100,
  addressMs: 15 * 60_000,
  downloadMs: hour,
  finishLeaseMs: 15_000,
};

/** Throws on limits that contradict each other. */
export function checkLimits(limits: Limits): Limits {
  for (const [name, value] of Object.entries(limits)) {
    const least = name === 'bodyBytesPerSecondMin' ? 0 : 1;
    invariant(
      Number.isSafeInteger(value) && value >= least,
      `limit ${name} is a whole number from ${least}, not ${value}`,
    );
  }
  invariant(limits.chunkBytesMin <= limits.chunkBytesDefault, 'chunkBytesMin ≤ chunkBytesDefault');
  invariant(limits.chunkBytesDefault <= limits.chunkBytesMax, 'chunkBytesDefault ≤ chunkBytesMax');
  invariant(
    limits.fileBytesMax <= limits.chunkBytesMax * limits.chunksMax,
    'fileBytesMax fits into chunksMax chunks of chunkBytesMax',
  );
  return limits;
}

/**
 * Bytes per chunk for a file: the wish brought within the limits, and raised (to whole KiB) until the file has at most `chunksMax` chunks.
 * Throws `file-too-large`, `invalid-size`.
 */
export function chooseChunkSize(size: number, wished: number | undefined, limits: Limits): number {
  if (!Number.isSafeInteger(size) || size < 0)
    throw new HoldfastError('invalid-size', `The size of the file is a whole number of bytes, 0 or more; got ${size}.`);
  if (size > limits.fileBytesMax) {
    throw new HoldfastError(
      'file-too-large',
      `The file has ${size} bytes; this server takes at most ${limits.fileBytesMax}.`,
      {
        details: { size, fileBytesMax: limits.fileBytesMax },
      },
    );
  }
  if (wished !== undefined && (!Number.isSafeInteger(wished) || wished <= 0)) {
    throw new HoldfastError('invalid-size', `The chunk size is a whole number of bytes above 0; got ${wished}.`);
  }
  const within = Math.min(Math.max(wished ?? limits.chunkBytesDefault, limits.chunkBytesMin), limits.chunkBytesMax);
  if (size <= within * limits.chunksMax) return within;
  return Math.ceil(size / limits.chunksMax / KiB) * KiB;
}
