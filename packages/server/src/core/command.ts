/** What can be asked of an upload; `transition.ts` says what comes of it. */
import type { RunPlan } from './ledger.ts';
import type { Extent, FailureCode, Lease, Millis, Sha256 } from './upload.ts';

export type Command =
  /** Bytes are stored (and synced, if the durability level says so). */
  | { readonly type: 'record'; readonly extent: Extent; readonly lease: Lease; readonly ttlMs: number }
  /** Finishes an upload that needs no bytes: an empty file. */
  | { readonly type: 'seal'; readonly lease: Lease }
  | { readonly type: 'pause' }
  | { readonly type: 'resume'; readonly ttlMs: number }
  | { readonly type: 'cancel' }
  /** The first bytes prove that the content is of a type that is not taken. */
  | { readonly type: 'refuse'; readonly code: FailureCode; readonly reason: string }
  | { readonly type: 'expire' }
  /** The extent passed to the rule is not what was recorded: forget it. */
  | { readonly type: 'drop'; readonly reason: string; readonly ttlMs: number }
  | { readonly type: 'claim'; readonly lease: Lease; readonly previousHolder?: string }
  | { readonly type: 'renew'; readonly fence: number; readonly until: Millis }
  | { readonly type: 'verified'; readonly fence: number; readonly digest: Sha256 }
  | { readonly type: 'placed'; readonly fence: number; readonly contentType: string; readonly runs: readonly RunPlan[] }
  | { readonly type: 'fail'; readonly fence: number; readonly code: FailureCode; readonly reason: string };

/** One kind of command. */
export type CommandOf<T extends Command['type']> = Extract<Command, { readonly type: T }>;
