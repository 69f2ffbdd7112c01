/**
 * Upload state. The rules are in `transition.ts`; a store only makes one decision at a time per upload durable.
 * One conformance suite (`holdfast/testing`) runs on every adapter.
 */
import type { Asset, AssetSource } from '../asset.ts';
import type { HoldfastError } from '../errors.ts';
import type { RunPlan, RunState } from '../ledger.ts';
import type { Extent, LoggedEvent, Millis, NewEvent, PhaseName, Sha256, Upload } from '../upload.ts';

/** What a decision changes beside the upload's own row. */
export type Write =
  | { readonly type: 'insert-extent'; readonly extent: Extent }
  | { readonly type: 'delete-extents'; readonly offsets: readonly number[] }
  /** Of a new final upload: one more use of each part. Rejects with `invalid-concatenation` unless all are live partial ones of its principal. */
  | { readonly type: 'use-parts'; readonly parts: readonly string[] }
  /** Of a final upload that ends: one use less of each part. */
  | { readonly type: 'free-parts'; readonly parts: readonly string[] }
  /** Keeps the facts of the upload for good, see `recording-store.ts`. Part of `create` only. */
  | { readonly type: 'keep-recording'; readonly subject: string }
  | {
      readonly type: 'publish-asset';
      readonly asset: Asset;
      readonly source: AssetSource;
      readonly runs: readonly RunPlan[];
    }
  /** The one use of an upload token is this upload. Rejects with `token-used`, and nothing changes, when it had one or is gone. */
  | { readonly type: 'consume-token'; readonly tokenId: string }
  /** Rejects with `quota-exceeded`, and nothing changes, when the sizes of the principal's live uploads, this one included, add up to more. */
  | { readonly type: 'limit-live-bytes'; readonly bytesMax: number };

/** The outcome of a rule: the upload as it is to be, or why not. `next` is the same object when nothing changes. */
export type Decision =
  | {
      readonly kind: 'accept';
      readonly next: Upload;
      readonly events: readonly NewEvent[];
      readonly writes: readonly Write[];
    }
  | { readonly kind: 'reject'; readonly error: HoldfastError };

/** A rule with its command bound; pure and synchronous, may be called again when a transaction is retried. */
export type Rule = (current: Upload, extent: Extent | null) => Decision;

/** Which extent a rule is given: the one that starts at an offset, the last one, or none. */
export type ExtentChoice = number | 'last' | null;

export interface Page<T> {
  readonly items: readonly T[];
  /** Pass as `cursor` for the next page; null on the last. Opaque. */
  readonly cursor: string | null;
}

export interface UploadQuery {
  readonly principal: string;
  readonly phases?: readonly PhaseName[];
  /** Substring of the file name, without regard to case. */
  readonly filename?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export interface AssetQuery {
  readonly principal: string;
  readonly filename?: string;
  /** By the content type; `other` is neither of the two. */
  readonly kind?: AssetKind;
  /** Only assets whose newest run is in one of these states. */
  readonly runStates?: readonly RunState[];
  readonly limit: number;
  readonly cursor?: string;
}

export type AssetKind = 'video' | 'audio' | 'other';

/** An asset as one principal sees it. */
export interface OwnedAsset extends Asset {
  /** That principal's sources, newest first, at most 20. */
  readonly sources: readonly AssetSource[];
}

export interface EventQuery {
  /** Only this subject's events; without it, all events of the principal. */
  readonly subject?: { readonly kind: 'upload' | 'run'; readonly id: string };
  readonly principal?: string;
  /** Which ones when there are more than `limit`: the first after the position (default) or the last. Always in order. */
  readonly take?: 'oldest' | 'newest';
  /** Events after this position: `seq` when a subject is given, `id` otherwise. */
  readonly after: number;
  readonly limit: number;
}

export interface UploadStore {
  /**
   * Inserts a new upload with its events and writes, in one transaction, durable when it resolves.
   * Resolves to false, and changes nothing, when the principal already has `liveMax` live uploads.
   */
  create(upload: Upload, events: readonly NewEvent[], writes: readonly Write[], liveMax: number): Promise<boolean>;
  find(id: string): Promise<Upload | null>;
  /** The upload and the extent that starts at `offset`, in one read. */
  findWithExtent(id: string, offset: number): Promise<{ upload: Upload; extent: Extent | null } | null>;
  /**
   * Locks the upload, calls the rule with its current facts and the extent that starts at `extentAt`, or with the last one (null if none
   * or not asked), and applies the decision, all in one transaction that is durable when this resolves (power loss included).
   * Concurrent decisions on one upload are made one after the other, in any number of processes. Rejections change nothing.
   * Writes are applied in their order. Resolves to null when there is no such upload. `insert-extent` for an offset that is taken is a programmer error.
   * Events get their `seq` (from `next.lastEvent`, which the store raises) and `id` here.
   */
  decide(id: string, extentAt: ExtentChoice, rule: Rule): Promise<Decision | null>;
  /** All stored extents, by offset. */
  extents(id: string): Promise<Extent[]>;
  list(query: UploadQuery): Promise<Page<Upload>>;

  /** Final uploads that are not finished and have this one as a part. */
  finalsOf(partId: string): Promise<Upload[]>;
  /** The principal's newest final upload of exactly these parts, in order, that is neither cancelled, expired nor failed; null if there is none. */
  findFinal(principal: string, parts: readonly string[]): Promise<Upload | null>;
  /** Final uploads that wait for their parts, in id order, from an index. */
  waitingFinals(afterId: string, limit: number): Promise<Upload[]>;

  /** Live uploads whose `expiresAt` is past (receiving, paused, not a part in use), from an index. */
  dueToExpire(now: Millis, limit: number): Promise<Upload[]>;
  /** Uploads in validating or assembling whose lease ended before `now`, from an index. */
  abandoned(now: Millis, limit: number): Promise<Upload[]>;
  /** Uploads in validating or assembling whose lease is held by `holder`, from an index: what a restarted node left behind. */
  heldBy(holder: string, limit: number): Promise<Upload[]>;
  /** Ended uploads whose storage is still held, from an index. */
  toRelease(limit: number): Promise<Upload[]>;
  /** Marks their storage released. */
  released(id: string): Promise<void>;
  /**
   * Deletes ended, released uploads (with extents and events) that were last updated before `before`; resolves to how many. What is kept of
   * recordings is written in the same transaction.
   */
  purge(before: Millis, limit: number): Promise<number>;
  /** All live uploads, in id order, for the check after an unclean restart and for `verify`. */
  live(afterId: string, limit: number): Promise<Upload[]>;

  findAsset(id: Sha256, principal: string): Promise<OwnedAsset | null>;
  listAssets(query: AssetQuery): Promise<Page<OwnedAsset>>;
  /** All assets of everyone, in id order, for `verify`. */
  allAssets(afterId: string, limit: number): Promise<Asset[]>;

  /** Events in order. An event is only seen when all events before it are (no gaps appear later). */
  events(query: EventQuery): Promise<LoggedEvent[]>;
  /** Calls back after commits that appended events, in this process at once, of other processes within about a second. */
  onEvents(listener: () => void): () => void;

  /** How many uploads are in each phase, for metrics. */
  countByPhase(): Promise<Readonly<Partial<Record<PhaseName, number>>>>;
  /** Resolves if the store answers and can write; rejects otherwise. */
  ping(): Promise<void>;
}
