/** What can be asked of an upload; `transition.ts` says what comes of it. */
import type { Digest } from './digest.ts';
import type { RunPlan } from './ledger.ts';
import type { Extent, FailureCode, Lease, Millis, Sha256 } from './upload.ts';

export type Command =
  /** Bytes are stored (and synced, if the durability level says so). */
  | { readonly type: 'record'; readonly extent: Extent; readonly lease: Lease; readonly ttlMs: number }
  /**
   * The next bytes of the contiguous prefix are stored (and synced, if the durability level says so); the extent passed to the rule is
   * the last one. `end`: the client says that the file ends here. Without an extent only that is said.
   */
  | {
      readonly type: 'append';
      readonly extent: Extent | null;
      readonly end: boolean;
      readonly fence: number;
      readonly lease: Lease;
      readonly ttlMs: number;
    }
  /** Takes the right to append away from a holder that is gone. */
  | { readonly type: 'seize' }
  /** The size of a file whose length was deferred. Said again it has to be the same. */
  | { readonly type: 'declare-length'; readonly size: number; readonly chunkSize: number; readonly lease: Lease }
  /** All parts of a final upload are whole: `size` is their sum. */
  | { readonly type: 'join'; readonly size: number; readonly lease: Lease }
  /** A final upload lives as long as its parts. */
  | { readonly type: 'prolong'; readonly until: Millis }
  /** The one final upload that uses a partial one takes over its bytes. */
  | { readonly type: 'take' }
  /** Finishes an upload that needs no bytes: an empty file. */
  | { readonly type: 'seal'; readonly lease: Lease }
  | { readonly type: 'pause' }
  | { readonly type: 'resume'; readonly ttlMs: number }
  | { readonly type: 'cancel' }
  /** The first bytes prove that the content is of a type that is not taken. */
  | { readonly type: 'refuse'; readonly code: FailureCode; readonly reason: string }
  /** As `cancel`, and of a completed upload that it is gone. */
  | { readonly type: 'withdraw' }
  | { readonly type: 'expire' }
  /** The extent passed to the rule is not what was recorded: forget it. */
  | { readonly type: 'drop'; readonly reason: string; readonly ttlMs: number }
  /** The place of a chunk was taken over from a process that seemed to be gone, and may not be. */
  | { readonly type: 'distrust-writers' }
  /** A sync of its bytes has failed; `fence`: of who is finishing it and has met that, null: of somebody else. */
  | { readonly type: 'distrust-bytes'; readonly fence: number | null }
  | { readonly type: 'claim'; readonly lease: Lease; readonly previousHolder?: string }
  | { readonly type: 'renew'; readonly fence: number; readonly until: Millis }
  /** `declared`: the digest by the algorithm of the expected one; needed where that is not SHA-256. */
  | { readonly type: 'verified'; readonly fence: number; readonly digest: Sha256; readonly declared?: Digest }
  | { readonly type: 'placed'; readonly fence: number; readonly contentType: string; readonly runs: readonly RunPlan[] }
  | { readonly type: 'fail'; readonly fence: number; readonly code: FailureCode; readonly reason: string };

/** One kind of command. */
export type CommandOf<T extends Command['type']> = Extract<Command, { readonly type: T }>;
