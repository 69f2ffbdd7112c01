/**
 * Assets that people delete. What is recorded of a content goes in one transaction; its bytes and results go after that, and what has to go is
 * kept until it has. A conformance suite runs on every adapter.
 */
import type { Millis, Sha256 } from '../upload.ts';

/**
 * - `absent`: the principal has no such asset.
 * - `in-place`: nobody else has it, and `inPlace` said that its file is not ours to delete: nothing was changed.
 * - `shared`: it is the principal's no more; others have it still.
 * - `deleted`: nobody has it any more. Its runs, steps, results and texts are not recorded any more; the content is among the `deleted`.
 */
export type DeletionOutcome = 'absent' | 'in-place' | 'shared' | 'deleted';

/** A content whose bytes and results may still be in storage. */
export interface DeletedContent {
  readonly assetId: Sha256;
  readonly deletedAt: Millis;
  /** Of its steps, whose results are to go. */
  readonly stepKeys: readonly string[];
}

export interface DeletionWish {
  readonly assetId: Sha256;
  readonly principal: string;
  /** Its bytes are a file in a watched folder. */
  readonly inPlace: boolean;
  readonly now: Millis;
}

export interface DeletionStore {
  /** Takes the asset from the principal with all names under which it has it. One transaction, durable when it resolves. */
  delete(wish: DeletionWish): Promise<DeletionOutcome>;
  /** Oldest first, of those after the given one. */
  deleted(after: DeletedContent | null, limit: number): Promise<DeletedContent[]>;
  /** As it is now; null when nothing of it has to go. */
  find(assetId: Sha256): Promise<DeletedContent | null>;
  /** Whether it is an asset (again), also for stores of uploads that tell the ledger later: everything that was completed before this call is known. */
  isRecorded(assetId: Sha256): Promise<boolean>;
  /** Nothing of it has to go any more. Without effect when it was deleted again at another time. */
  forget(content: DeletedContent): Promise<void>;
}
