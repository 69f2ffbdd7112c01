/**
 * State against storage: what is recorded and not there, what is there and not recorded, what is not as it was recorded. For a node
 * that is stopped. Repairs only what cannot lose anything: damaged bytes of unfinished uploads are asked for again, and incoming
 * files that belong to nothing are removed. Assets and artifacts are only reported: they come back from a backup or a new upload.
 */
import { HoldfastError } from '../core/errors.ts';
import type { ArtifactStore } from '../core/ports/artifact-store.ts';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { Sha256, Upload } from '../core/upload.ts';
import type { UploadDependencies } from './dependencies.ts';
import { finishingDigest } from './finishing-digest.ts';
import { damagedExtents, dropDamaged } from './repair.ts';

export type FindingKind =
  | 'lost-asset'
  | 'damaged-asset'
  | 'orphaned-asset'
  | 'damaged-bytes'
  | 'orphaned-bytes'
  | 'lost-artifact'
  | 'damaged-artifact';

export interface Finding {
  readonly kind: FindingKind;
  /** The asset, upload or artifact. */
  readonly subject: string;
  readonly detail: string;
  readonly repaired: boolean;
}

export interface VerifyOptions {
  /** Reads every byte of every asset again; without it only sizes are compared. */
  readonly deep: boolean;
  readonly repair: boolean;
  readonly deps: UploadDependencies;
  readonly ledger: LedgerStore;
  readonly artifacts: ArtifactStore;
  /** Called as it goes on, with what has been checked so far. */
  progress(checked: VerifyCounts): void;
  /** Asked before each look: whether to end here. Default: never. */
  stopped?(): boolean;
}

export interface VerifyCounts {
  assets: number;
  /** Bytes of assets that were read again. */
  bytes: number;
  uploads: number;
  artifacts: number;
}

/** Digests of assets that some row speaks of, uploads that are not finished, and the parts of those among them that are concatenations. */
interface Recorded {
  readonly assets: Set<Sha256>;
  readonly live: Set<string>;
  readonly parts: Set<string>;
}

const batch = 200;

/** Yields findings as they come; the last value is what was checked. */
export async function* verify(options: VerifyOptions): AsyncGenerator<Finding, VerifyCounts> {
  const counts: VerifyCounts = { assets: 0, bytes: 0, uploads: 0, artifacts: 0 };
  const recorded: Recorded = { assets: new Set(), live: new Set(), parts: new Set() };
  yield* assets(options, counts, recorded);
  yield* unfinished(options, counts, recorded);
  yield* orphans(options, recorded);
  yield* artifactFiles(options, counts);
  return counts;
}

async function* assets(
  { deps, deep, progress, stopped = never }: VerifyOptions,
  counts: VerifyCounts,
  recorded: Recorded,
): AsyncGenerator<Finding> {
  for await (const asset of pages((after: { id: string } | null) => deps.store.allAssets(after?.id ?? '', batch))) {
    if (stopped()) return;
    recorded.assets.add(asset.id);
    counts.assets += 1;
    const size = await deps.blobs.assetSize(asset.id);
    if (size === null)
      yield {
        kind: 'lost-asset',
        subject: asset.id,
        detail: `${asset.size} bytes are not in storage`,
        repaired: false,
      };
    else if (size !== asset.size)
      yield {
        kind: 'damaged-asset',
        subject: asset.id,
        detail: `has ${size} bytes instead of ${asset.size}`,
        repaired: false,
      };
    else if (deep) {
      const before = counts.bytes;
      const digest = await unlessUnreadable(() =>
        deps.blobs.rehashAsset(asset.id, (bytes) => {
          counts.bytes = before + bytes;
          progress(counts);
        }),
      );
      if (digest !== asset.id) {
        const detail =
          digest instanceof HoldfastError ? unreadable(digest) : `its bytes have SHA-256 ${digest ?? '(not readable)'}`;
        yield { kind: 'damaged-asset', subject: asset.id, detail, repaired: false };
      }
    }
    progress(counts);
  }
}

async function* unfinished(
  { deps, repair, progress, stopped = never }: VerifyOptions,
  counts: VerifyCounts,
  recorded: Recorded,
): AsyncGenerator<Finding> {
  for await (const upload of pages((after: Upload | null) => deps.store.live(after?.id ?? '', batch))) {
    if (stopped()) return;
    recorded.live.add(upload.id);
    // The file of a part that was taken may not have its new name yet.
    if (upload.concatenation.role === 'final') for (const part of upload.concatenation.parts) recorded.parts.add(part);
    counts.uploads += 1;
    progress(counts);
    const placed = await finishingDigest(deps.store, upload);
    if (placed !== null) recorded.assets.add(placed);
    // An upload that is being assembled may already be in the asset store; finishing it tells.
    if (upload.phase.name === 'assembling') continue;
    const damaged = await unlessUnreadable(() => damagedExtents(deps, upload));
    if (damaged instanceof HoldfastError) {
      yield { kind: 'damaged-bytes', subject: upload.id, detail: unreadable(damaged), repaired: false };
      continue;
    }
    const bad = damaged.reduce((sum, extent) => sum + extent.length, 0);
    if (bad === 0) continue;
    if (repair) await dropDamaged(deps, upload.id, 'found damaged by verify');
    yield {
      kind: 'damaged-bytes',
      subject: upload.id,
      detail: `${bad} acknowledged bytes are not in storage as recorded${repair ? '; they are asked for again' : ''}`,
      repaired: repair,
    };
  }
}

async function* orphans(
  { deps, repair, stopped = never }: VerifyOptions,
  { assets, live, parts }: Recorded,
): AsyncGenerator<Finding> {
  // Whoever was stopped before does not know what is recorded.
  if (stopped()) return;
  for await (const id of deps.blobs.storedUploads()) {
    if (stopped()) return;
    if (live.has(id) || parts.has(id)) continue;
    if (repair) await deps.blobs.discard(id);
    yield {
      kind: 'orphaned-bytes',
      subject: id,
      detail: `incoming bytes of no unfinished upload${repair ? ', removed' : ''}`,
      repaired: repair,
    };
  }
  for await (const digest of deps.blobs.storedAssets()) {
    if (stopped()) return;
    if (assets.has(digest)) continue;
    yield { kind: 'orphaned-asset', subject: digest, detail: 'no asset is recorded for it', repaired: false };
  }
}

async function* artifactFiles(
  { ledger, artifacts, progress, stopped = never }: VerifyOptions,
  counts: VerifyCounts,
): AsyncGenerator<Finding> {
  for await (const artifact of pages((after: { stepKey: string; name: string } | null) =>
    ledger.allArtifacts(after && { stepKey: after.stepKey, name: after.name }, batch),
  )) {
    if (stopped()) return;
    counts.artifacts += 1;
    progress(counts);
    const state = await unlessUnreadable(() => artifacts.check(artifact));
    if (state === 'intact') continue;
    yield {
      kind: state === 'missing' ? 'lost-artifact' : 'damaged-artifact',
      subject: `${artifact.stepKey}/${artifact.name}`,
      detail: state instanceof HoldfastError ? unreadable(state) : `the file is ${state}`,
      repaired: false,
    };
  }
}

/** A disk that fails at one file keeps nobody from looking at the others. */
async function unlessUnreadable<T>(read: () => Promise<T>): Promise<T | HoldfastError> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof HoldfastError && (error.code === 'unavailable' || error.code === 'storage-damaged'))
      return error;
    throw error;
  }
}

function unreadable(error: HoldfastError): string {
  return `it cannot be read: ${error.message}`;
}

function never(): boolean {
  return false;
}

async function* pages<T>(next: (after: T | null) => Promise<readonly T[]>): AsyncGenerator<T> {
  let after: T | null = null;
  for (;;) {
    const items: readonly T[] = await next(after);
    yield* items;
    const last = items.at(-1);
    if (last === undefined || items.length < batch) return;
    after = last;
  }
}
