/**
 * The index of text. It follows the ledger: the transaction that records a step's text, or an asset's new name, also marks the asset as
 * outdated, so nothing is forgotten by a crash; an indexer takes outdated assets up, any time, on any node, as often as it likes.
 */
import type { Artifact, RunState } from '../ledger.ts';
import type { HitKind, Passage, SearchQuery } from '../search.ts';
import type { Sha256 } from '../upload.ts';
import type { AssetKind } from './upload-store.ts';

/** An asset whose text is newer than its index. */
export interface Outdated {
  readonly assetId: Sha256;
  /** Rises with each change of the text. */
  readonly wanted: number;
}

export interface SearchRequest {
  readonly principal: string;
  readonly query: SearchQuery;
  /** Only there. */
  readonly assetId?: Sha256;
  readonly kinds?: readonly HitKind[];
  /** Only in assets of this kind. */
  readonly assetKind?: AssetKind;
  /** Only in assets whose newest run is in one of these states. */
  readonly runStates?: readonly RunState[];
  readonly limit: number;
  /** Hits to pass over, best first. */
  readonly offset: number;
}

export interface Hit {
  readonly assetId: Sha256;
  /** Newest name that the asset has for the principal. */
  readonly filename: string;
  readonly kind: HitKind;
  /** Of the passage; null for a name. */
  readonly start: number | null;
  readonly end: number | null;
  readonly text: string;
  readonly marks: Passage['marks'];
}

export interface SearchStore {
  outdated(limit: number): Promise<Outdated[]>;
  /** Artifacts of the asset that hold passages, of the newest result of each step. */
  sources(assetId: Sha256): Promise<Artifact[]>;
  /** Replaces all that is found of the asset by these passages and its names. `lost`: a newer index is there, nothing was changed. */
  replace(outdated: Outdated, passages: readonly Passage[]): Promise<'applied' | 'lost'>;
  /** Passages of assets that the principal owns, and its own names of them: best first. */
  search(request: SearchRequest): Promise<Hit[]>;
  /** Marks every asset as outdated. Resolves to how many. */
  outdateAll(): Promise<number>;
  /** How many are outdated. */
  countOutdated(): Promise<number>;
}
