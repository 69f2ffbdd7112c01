/** The tables of the search index as Kysely sees them; conventions as in `schema.ts`. */
import type { Generated } from 'kysely';
import type { HitKind } from '../../core/search.ts';

/** How far an asset's search index is: outdated while `indexed` is below `wanted`. */
export interface SearchAssetRow {
  asset_id: string;
  wanted: number;
  indexed: number;
}

/** A passage or a name that can be found. */
export interface SearchDocumentRow {
  id: Generated<number>;
  asset_id: string;
  kind: HitKind;
  /** Whose name it is; null for what belongs to the content. */
  principal: string | null;
  start_s: number | null;
  end_s: number | null;
  text: string;
  marks: string;
  /** Folded words, as the engine indexes them. */
  terms: string;
}
