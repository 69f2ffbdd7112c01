/** An upload: one transfer of one file into Holdfast. These are its facts; `transition.ts` has the rules. */
import type { Digest } from './digest.ts';

/** Milliseconds since the epoch. */
export type Millis = number;
/** 64 lower-case hex digits. */
export type Sha256 = string;

/**
 * How an upload takes its bytes: `grid` puts chunks of a fixed size anywhere, in any order; `append` adds to the contiguous prefix, one
 * sender at a time.
 */
export type Intake = 'grid' | 'append';

/**
 * What an upload has to do with others. A partial one never becomes an asset: its bytes go into final ones, which have no bytes of
 * their own. `uses` counts the unfinished final uploads that name it; while there are any it is neither cancelled nor expired.
 */
export type Concatenation =
  | { readonly role: 'none' }
  | { readonly role: 'partial'; readonly uses: number }
  | { readonly role: 'final'; readonly parts: readonly string[] };

/** The right to finish an upload, for a limited time. Its fence is the upload's `fence` at the time it was granted. */
export interface Lease {
  /** The node that holds it. */
  readonly holder: string;
  readonly until: Millis;
}

/**
 * receiving ⇄ paused → validating → assembling → completed; from any live state: cancelled, expired, failed.
 *
 * - receiving: takes bytes; a partial upload stays in it when it has all of them, a final one waits in it for its parts. Entry: creation,
 *   resume, or stored bytes found damaged while validating.
 * - paused: refuses chunks, keeps what it has. Entry: pause from receiving.
 * - validating: every byte is stored; the digest of the whole is being established under a lease. Entry: the receipt that reaches the size, or a
 *   sync that failed while assembling.
 * - assembling: the digest is known and as expected; the content is being put into the asset store under a lease.
 * - completed: the asset exists, is durable and is owned by the principal. Final.
 * - cancelled, expired, failed: takes nothing more, its bytes are freed. Final.
 */
export type Phase =
  | { readonly name: 'receiving' }
  | { readonly name: 'paused' }
  | { readonly name: 'validating'; readonly lease: Lease }
  | { readonly name: 'assembling'; readonly lease: Lease; readonly digest: Sha256 }
  | { readonly name: 'completed'; readonly at: Millis; readonly assetId: Sha256 }
  | { readonly name: 'cancelled'; readonly at: Millis }
  | { readonly name: 'expired'; readonly at: Millis }
  | {
      readonly name: 'failed';
      readonly at: Millis;
      readonly code: FailureCode;
      readonly reason: string;
      /** What the file's digest is when it is not the expected one; by the algorithm of that. */
      readonly actual: Digest | null;
    };

export type PhaseName = Phase['name'];
export type FailureCode = 'digest-mismatch' | 'storage-damaged' | 'unsupported-type';

export const livePhases = ['receiving', 'paused', 'validating', 'assembling'] as const satisfies readonly PhaseName[];
export const finalPhases = ['completed', 'cancelled', 'expired', 'failed'] as const satisfies readonly PhaseName[];

/**
 * What is known against bytes that are here or come in, from the mildest to the worst; it is settled when the upload is finished.
 *
 * - none: nothing.
 * - hashes: recorded bytes were given up, and others took their place. What a process hashed before may be of the old ones.
 * - writers: besides, what is in place is not to be relied on, and is copied: a process was taken for gone while it wrote there, and may write
 *   on into a place that has been recorded since; or the disk has failed to sync.
 */
export type Doubt = 'none' | 'hashes' | 'writers';

export interface Upload {
  readonly id: string;
  /** Who owns it. */
  readonly principal: string;
  /** The dialect that created it: `native`, `tus`, … */
  readonly protocol: string;
  /** The name as the client gave it; never part of a path. */
  readonly filename: string;
  /** The name made safe for display, headers and artifact names. */
  readonly safeName: string;
  readonly contentType: string;
  /** Bytes in the whole file; null while the length is deferred. */
  readonly size: number | null;
  readonly intake: Intake;
  /** Whether it is whole when it has as many bytes as declared, or only once its client says so as well. */
  readonly ends: 'by-length' | 'by-client';
  readonly concatenation: Concatenation;
  /** Bytes per chunk of the grid. */
  readonly chunkSize: number;
  /** Free words of the client: subject, topic, speaker … */
  readonly metadata: Readonly<Record<string, string>>;
  /** What its dialect wants kept and given back byte for byte; means nothing to anybody else. */
  readonly dialectData: Readonly<Record<string, string>>;
  /** What the client says that the whole file's digest is. Any algorithm but SHA-256 costs one more pass over the file when it is finished. */
  readonly expectedDigest: Digest | null;
  /** Bytes acknowledged. Equals the sum of the stored extents' lengths; of an `append` upload it is the end of the contiguous prefix. */
  readonly receivedBytes: number;
  /** Extents acknowledged. */
  readonly receivedExtents: number;
  /** Rises whenever the right to finish, or by force the right to append, changes hands; a write under an older one is refused. */
  readonly fence: number;
  readonly doubt: Doubt;
  /** Sequence number of the last event; events are numbered 1, 2, 3 … without gaps. */
  readonly lastEvent: number;
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
  /** First and last receipt. */
  readonly firstByteAt: Millis | null;
  readonly lastByteAt: Millis | null;
  readonly expiresAt: Millis;
  /** Its client asked for it to be gone after it was completed: it is gone for protocols of resources. The asset stays. */
  readonly withdrawn: boolean;
  /** Whether bytes of this upload are (or may be) in the incoming area; the sweeper frees those of ended uploads. */
  readonly storage: 'held' | 'released';
  /** Media ranges that it was narrowed to when it was created; null: whatever the server takes. */
  readonly allowedTypes: readonly string[] | null;
  readonly phase: Phase;
}

/** A run of bytes of an upload that is stored. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  /** CRC-32 of the bytes, unsigned 32 bit (the one of gzip, RFC 1952 section 8): verifies them after a crash. */
  readonly crc32: number;
  /** SHA-256 of the bytes if the client sent one (checked) or it was known for free. */
  readonly sha256: Sha256 | null;
  readonly receivedAt: Millis;
}

/** Something that happened to an upload or a run, as it is appended to its log. */
export interface NewEvent {
  readonly at: Millis;
  readonly type: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event in the log. */
export interface LoggedEvent extends NewEvent {
  /** Position in the log of everything: rises, may have gaps. */
  readonly id: number;
  readonly subject: 'upload' | 'run';
  readonly subjectId: string;
  /** Position in the log of its subject: 1, 2, 3 … */
  readonly seq: number;
  readonly principal: string;
}
