/** All assets of everyone with the ways by which they came in, page by page: for plans over the whole library. */
import type { Asset, AssetSource } from '../asset.ts';
import type { Millis, Sha256 } from '../upload.ts';

export interface LibraryAsset extends Asset {
  /** Newest first, at most 20, of all principals. */
  readonly sources: readonly AssetSource[];
}

export interface LibraryQuery {
  /** Only assets with a higher id. */
  readonly after: Sha256 | '';
  readonly limit: number;
  /** Only this one. */
  readonly assetId?: Sha256;
  /** Only those that came in first at or after this time. */
  readonly since?: Millis;
}

export interface LibraryStore {
  /** In id order, so that a walk sees every asset once that is there from its beginning to its end. Fewer than `limit`: the last page. */
  libraryPage(query: LibraryQuery): Promise<LibraryAsset[]>;
}
