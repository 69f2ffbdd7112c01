/** What the upload service is built from; put together in the composition root. */
import type { Asset, AssetOrigin } from '../core/asset.ts';
import type { RunPlan } from '../core/ledger.ts';
import type { Limits } from '../core/limits.ts';
import type { BlobStore } from '../core/ports/blob-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import type { CreationGate } from '../core/ports/creation-gate.ts';
import type { DeletionStore } from '../core/ports/deletion-store.ts';
import type { DirectBlobs } from '../core/ports/direct-blobs.ts';
import type { ExtentClaims } from '../core/ports/extent-claims.ts';
import type { Log } from '../core/ports/log.ts';
import type { Tracing } from '../core/ports/tracing.ts';
import type { UploadLocks } from '../core/ports/upload-locks.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { UploadTokenStore } from '../core/ports/upload-token-store.ts';
import type { ContentTurns } from './content-turns.ts';

export interface UploadDependencies {
  readonly store: UploadStore;
  readonly blobs: BlobStore;
  /** Where clients may send to the store themselves; null: nowhere. */
  readonly direct?: DirectBlobs | null;
  readonly claims: ExtentClaims;
  readonly locks: UploadLocks;
  /** The process has one. */
  readonly contents: ContentTurns;
  readonly deletions: DeletionStore;
  readonly tokens: UploadTokenStore;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Log;
  readonly observer: UploadObserver;
  readonly tracing: Tracing;
  readonly crash: CrashPoints;
  /** Asked before an upload is created. */
  readonly creationGate: CreationGate;
  /** Name of this node in leases; the same after a restart, different from every node that is alive. */
  readonly holder: string;
  newId(): string;
  /** The runs that a new asset gets; they start in the transaction that completes its upload. */
  planRuns(asset: Asset, origin: AssetOrigin): readonly RunPlan[];
  /** Media ranges that this server takes; null: every type. */
  readonly allowedTypes: readonly string[] | null;
  /** The media type by the first bytes of the content, or null when they do not tell. */
  sniffType(head: Uint8Array): Promise<string | null>;
}

/** What metrics want to know. Calls are cheap and never throw. */
export interface UploadObserver {
  created(protocol: string): void;
  receipt(receipt: { readonly bytes: number; readonly seconds: number; readonly duplicate: boolean }): void;
  ended(outcome: 'completed' | 'cancelled' | 'expired' | 'failed'): void;
  /** From the last receipt to the completed asset. */
  finished(seconds: number): void;
  dropped(bytes: number): void;
}
