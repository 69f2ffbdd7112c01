/** The library in SQLite or PostgreSQL. */
import { sql } from 'kysely';
import type { LibraryAsset, LibraryQuery, LibraryStore } from '../../core/ports/library-store.ts';
import { rowToAsset, rowToSource, sourcesMax } from './assets.ts';
import type { Engine } from './engine.ts';

export class SqlLibraryStore implements LibraryStore {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async libraryPage({ after, limit, assetId, since }: LibraryQuery): Promise<LibraryAsset[]> {
    const db = this.#engine.dialect.build;
    let select = db.selectFrom('assets').selectAll().where('id', '>', after);
    if (assetId !== undefined) select = select.where('id', '=', assetId);
    if (since !== undefined) select = select.where('created_at', '>=', since);
    const assets = await this.#engine.read(select.orderBy('id').limit(limit).compile());
    if (assets.length === 0) return [];
    const numbered = db
      .selectFrom('asset_sources')
      .selectAll()
      .select(sql<number>`row_number() over (partition by asset_id order by added_at desc, upload_id desc)`.as('nth'))
      .where(
        'asset_id',
        'in',
        assets.map((asset) => asset.id),
      );
    const rows = await this.#engine.read(
      db
        .selectFrom(numbered.as('numbered'))
        .selectAll()
        .where('nth', '<=', sourcesMax)
        .orderBy('asset_id')
        .orderBy('nth')
        .compile(),
    );
    const sources = Map.groupBy(rows, (row) => row.asset_id);
    return assets.map((row) => ({ ...rowToAsset(row), sources: (sources.get(row.id) ?? []).map(rowToSource) }));
  }
}
