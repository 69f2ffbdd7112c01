/** Assets and who owns them. */
import { sql } from 'kysely';
import type { Asset, AssetSource } from '../../core/asset.ts';
import type { AssetQuery, OwnedAsset, Page } from '../../core/ports/upload-store.ts';
import type { Sha256 } from '../../core/upload.ts';
import { ofKind, withNewestRun } from './asset-filters.ts';
import { decodeCursor, toPage } from './cursor.ts';
import { type Dialect, type Engine, first, perDialect, prepare, type Session } from './engine.ts';
import type { AssetRow, AssetSourceRow } from './schema.ts';
import { outdateSearch } from './search-queries.ts';
import { containing } from './upload-queries.ts';
import { folded } from './upload-rows.ts';

export const sourcesMax = 20;

export function rowToAsset(row: AssetRow): Asset {
  return { id: row.id, size: row.size, contentType: row.content_type, createdAt: row.created_at };
}

export function rowToSource(row: AssetSourceRow): AssetSource {
  return {
    assetId: row.asset_id,
    principal: row.principal,
    uploadId: row.upload_id,
    filename: row.filename,
    safeName: row.safe_name,
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    addedAt: row.added_at,
    ...(row.watch_folder === null ? {} : { watched: { folder: row.watch_folder, path: row.watch_path ?? '' } }),
  };
}

/** Records the asset, unless it is there already, and one more way by which it came in. */
export async function insertAsset(
  dialect: Dialect,
  session: Session,
  publication: { readonly asset: Asset; readonly source: AssetSource },
): Promise<void> {
  const { asset, source } = publication;
  const statements = publications(dialect);
  await session.change(
    statements.asset({
      id: asset.id,
      size: asset.size,
      content_type: asset.contentType,
      created_at: asset.createdAt,
    }),
  );
  await session.change(
    statements.source({
      asset_id: asset.id,
      upload_id: source.uploadId,
      principal: source.principal,
      filename: source.filename,
      filename_folded: folded(source.filename),
      safe_name: source.safeName,
      metadata: JSON.stringify(source.metadata),
      added_at: source.addedAt,
      watch_folder: source.watched?.folder ?? null,
      watch_path: source.watched?.path ?? null,
    }),
  );
  await session.change(outdateSearch(dialect)({ assetId: asset.id }));
}

/** Fine when they are there already. */
const publications = perDialect(({ build }) => ({
  asset: prepare<AssetRow, unknown>((arg) =>
    build
      .insertInto('assets')
      .values({
        id: arg('id'),
        size: arg('size'),
        content_type: arg('content_type'),
        created_at: arg('created_at'),
      })
      .onConflict((on) => on.doNothing()),
  ),
  source: prepare<Omit<AssetSourceRow, 'asset_created_at'>, unknown>((arg) =>
    build
      .insertInto('asset_sources')
      .values({
        asset_id: arg('asset_id'),
        upload_id: arg('upload_id'),
        principal: arg('principal'),
        filename: arg('filename'),
        filename_folded: arg('filename_folded'),
        safe_name: arg('safe_name'),
        metadata: arg('metadata'),
        added_at: arg('added_at'),
        watch_folder: arg('watch_folder'),
        watch_path: arg('watch_path'),
        // The asset may be older than this upload of it.
        asset_created_at: sql<number>`(select created_at from assets where id = ${arg('asset_id')})`,
      })
      .onConflict((on) => on.doNothing()),
  ),
}));

export function assetQueries(dialect: Dialect) {
  const db = dialect.build;
  return {
    /** Ids of one page of a principal's assets, newest first. */
    list: (query: AssetQuery) => {
      let select = db
        .selectFrom('asset_sources')
        .select(['asset_id', 'asset_created_at'])
        .distinct()
        .where('principal', '=', query.principal);
      if (query.filename)
        select = select.where(sql<boolean>`filename_folded like ${containing(folded(query.filename))} escape '\\'`);
      if (query.kind !== undefined) select = select.where(ofKind('asset_sources.asset_id', query.kind));
      if (query.runStates !== undefined)
        select = select.where(withNewestRun('asset_sources.asset_id', query.runStates));
      if (query.cursor !== undefined) {
        const after = decodeCursor(query.cursor);
        select = select.where(({ eb, refTuple, tuple }) =>
          eb(refTuple('asset_created_at', 'asset_id'), '<', tuple(after.createdAt, after.id)),
        );
      }
      return select
        .orderBy('asset_created_at', 'desc')
        .orderBy('asset_id', 'desc')
        .limit(query.limit + 1)
        .compile();
    },

    byIds: (ids: readonly Sha256[]) =>
      db
        .selectFrom('assets')
        .selectAll()
        .where('id', 'in', [...ids])
        .compile(),

    /** The newest sources of each of the assets, as far as they are the principal's. */
    sources: (ids: readonly Sha256[], principal: string) =>
      db
        .selectFrom((eb) =>
          eb
            .selectFrom('asset_sources')
            .selectAll()
            .select(sql<number>`row_number() over (partition by asset_id order by added_at desc, upload_id)`.as('nth'))
            .where('principal', '=', principal)
            .where('asset_id', 'in', [...ids])
            .as('numbered'),
        )
        .selectAll()
        .where('nth', '<=', sourcesMax)
        .orderBy('asset_id')
        .orderBy('nth')
        .compile(),

    all: (afterId: string, limit: number) =>
      db.selectFrom('assets').selectAll().where('id', '>', afterId).orderBy('id').limit(limit).compile(),
  };
}

export class Assets {
  readonly #engine: Engine;
  readonly #queries: ReturnType<typeof assetQueries>;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#queries = assetQueries(engine.dialect);
  }

  async find(id: Sha256, principal: string): Promise<OwnedAsset | null> {
    return first(await this.#owned([id], principal));
  }

  async list(query: AssetQuery): Promise<Page<OwnedAsset>> {
    const rows = await this.#engine.read(this.#queries.list(query));
    const page = toPage(rows, query.limit, {
      item: (row) => row.asset_id,
      position: (row) => ({ createdAt: row.asset_created_at, id: row.asset_id }),
    });
    return { items: await this.#owned(page.items, query.principal), cursor: page.cursor };
  }

  async all(afterId: string, limit: number): Promise<Asset[]> {
    return (await this.#engine.read(this.#queries.all(afterId, limit))).map(rowToAsset);
  }

  /** Those of the assets that the principal has a source of, in the given order. */
  async #owned(ids: readonly Sha256[], principal: string): Promise<OwnedAsset[]> {
    if (ids.length === 0) return [];
    const assets = new Map((await this.#engine.read(this.#queries.byIds(ids))).map((row) => [row.id, rowToAsset(row)]));
    const sources = Map.groupBy(await this.#engine.read(this.#queries.sources(ids, principal)), (row) => row.asset_id);
    return ids.flatMap((id) => {
      const asset = assets.get(id);
      const own = sources.get(id);
      return asset && own ? [{ ...asset, sources: own.map(rowToSource) }] : [];
    });
  }
}
