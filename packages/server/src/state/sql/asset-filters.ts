/** What lists of assets and the search are narrowed by: conditions on a column that holds the id of an asset. */
import { sql } from 'kysely';
import type { RunState } from '../../core/ledger.ts';
import type { AssetKind } from '../../core/ports/upload-store.ts';

/** Whether the asset of that column is of the kind. */
export function ofKind(assetId: string, kind: AssetKind) {
  const type = sql.ref('assets.content_type');
  const wanted =
    kind === 'other'
      ? sql`${type} not like 'video/%' and ${type} not like 'audio/%'`
      : sql`${type} like ${`${kind}/%`}`;
  return sql<boolean>`exists (select 1 from assets where assets.id = ${sql.ref(assetId)} and ${wanted})`;
}

/** The newest run says how it stands with an asset; an older pipeline's may have failed. */
export function withNewestRun(assetId: string, states: readonly RunState[]) {
  const newest = sql`(select state from runs where runs.asset_id = ${sql.ref(assetId)} order by created_at desc, id desc limit 1)`;
  return sql<boolean>`${newest} in (${sql.join(states.length === 0 ? [''] : [...states])})`;
}
