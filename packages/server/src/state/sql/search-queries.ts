/** The statements of the search index. Full text is looked up in each engine's own way, with words that were folded before. */
import { type CompiledQuery, type RawBuilder, sql } from 'kysely';
import type { SearchRequest } from '../../core/ports/search-store.ts';
import { type Clause, passagesType, type SearchQuery } from '../../core/search.ts';
import { ofKind, withNewestRun } from './asset-filters.ts';
import { type Dialect, perDialect, prepare } from './engine.ts';
import type { ArtifactRow } from './schema.ts';
import type { SearchDocumentRow } from './search-schema.ts';

export type HitRow = Pick<SearchDocumentRow, 'asset_id' | 'kind' | 'start_s' | 'end_s' | 'text' | 'marks'> & {
  readonly filename: string;
};

export function searchQueries(dialect: Dialect) {
  const db = dialect.build;
  return {
    outdated: (limit: number): CompiledQuery<{ asset_id: string; wanted: number }> =>
      sql<{ asset_id: string; wanted: number }>`
        select asset_id, wanted from search_assets where indexed < wanted order by asset_id limit ${limit}`.compile(db),

    countOutdated: (): CompiledQuery<{ count: number }> =>
      sql<{ count: number }>`select count(*) as count from search_assets where indexed < wanted`.compile(db),

    /** Newest result first. */
    sources: (assetId: string): CompiledQuery<ArtifactRow & { step_name: string }> =>
      sql<ArtifactRow & { step_name: string }>`
        select artifacts.*, steps.name as step_name
        from steps join artifacts on artifacts.step_key = steps.key
        where steps.asset_id = ${assetId} and steps.state = 'succeeded' and artifacts.content_type = ${passagesType}
        order by steps.finished_at desc, steps.key, artifacts.name`.compile(db),

    /** Makes sure of one writer for an asset, and that a late one does not win. */
    advance: (assetId: string, wanted: number) =>
      sql`update search_assets set indexed = ${wanted} where asset_id = ${assetId} and indexed < ${wanted}`.compile(db),

    remove: (assetId: string) => db.deleteFrom('search_documents').where('asset_id', '=', assetId).compile(),

    insert: (rows: readonly Omit<SearchDocumentRow, 'id'>[]) =>
      db
        .insertInto('search_documents')
        .values([...rows])
        .compile(),

    names: (assetId: string) =>
      db
        .selectFrom('asset_sources')
        .select(['principal', 'filename'])
        .distinct()
        .where('asset_id', '=', assetId)
        .compile(),

    outdateAll: () =>
      sql`insert into search_assets (asset_id, wanted, indexed) select id, 1, 0 from assets where true
        on conflict (asset_id) do update set wanted = search_assets.wanted + 1`.compile(db),

    hits: (request: SearchRequest): CompiledQuery<HitRow> => hits(dialect, request),
  };
}

/** Marks an asset's index as outdated, in the transaction that changes its text or its names. */
export const outdateSearch = perDialect((dialect) =>
  prepare<{ assetId: string }, unknown>((arg) => {
    const insert = sql`insert into search_assets (asset_id, wanted, indexed) values (${arg('assetId')}, 1, 0)
      on conflict (asset_id) do update set wanted = search_assets.wanted + 1`;
    return { compile: () => insert.compile(dialect.build) };
  }),
);

function hits(
  dialect: Dialect,
  { principal, query, assetId, kinds, assetKind, runStates, limit, offset }: SearchRequest,
): CompiledQuery<HitRow> {
  const sqlite = dialect.name === 'sqlite';
  const from = sqlite
    ? sql`search_terms join search_documents d on d.id = search_terms.rowid`
    : sql`search_documents d, to_tsquery('simple', ${postgresQuery(query)}) wish`;
  const matches = sqlite ? sql`search_terms match ${sqliteQuery(query)}` : sql`d.vector @@ wish`;
  // Rank in hundredths: what differs by less is in the order of the files and of time.
  const best = sqlite
    ? sql`cast(search_terms.rank * 100 as integer)`
    : sql`cast(ts_rank_cd(d.vector, wish) * -100 as integer)`;
  const where: RawBuilder<unknown>[] = [
    matches,
    sql`(d.principal is null or d.principal = ${principal})`,
    sql`exists (select 1 from asset_sources s where s.asset_id = d.asset_id and s.principal = ${principal})`,
  ];
  if (assetId !== undefined) where.push(sql`d.asset_id = ${assetId}`);
  if (kinds !== undefined) where.push(sql`d.kind in (${sql.join([...kinds])})`);
  if (assetKind !== undefined) where.push(ofKind('d.asset_id', assetKind));
  if (runStates !== undefined) where.push(withNewestRun('d.asset_id', runStates));
  const filename = sql`(select s.filename from asset_sources s where s.asset_id = d.asset_id and s.principal = ${principal}
    order by s.added_at desc, s.upload_id desc limit 1)`;
  return sql<HitRow>`
    select d.asset_id, d.kind, d.start_s, d.end_s, d.text, d.marks, ${filename} as filename
    from ${from} where ${sql.join(where, sql` and `)}
    order by ${best}, d.asset_id, d.kind, d.start_s, d.id
    limit ${limit} offset ${offset}`.compile(dialect.build);
}

/** https://www.sqlite.org/fts5.html#full_text_query_syntax; terms have only letters and digits, and stand in quotes. */
export function sqliteQuery({ all, none }: SearchQuery): string {
  const phrase = ({ terms, prefix }: Clause) => `"${terms.join(' ')}"${prefix ? '*' : ''}`;
  const wanted = `(${all.map(phrase).join(' AND ')})`;
  return none.reduce((query, clause) => `(${query} NOT ${phrase(clause)})`, wanted);
}

/** https://www.postgresql.org/docs/15/datatype-textsearch.html#DATATYPE-TSQUERY; likewise. */
export function postgresQuery({ all, none }: SearchQuery): string {
  const phrase = ({ terms, prefix }: Clause) =>
    `(${terms.map((term, i) => `'${term}'${prefix && i === terms.length - 1 ? ':*' : ''}`).join(' <-> ')})`;
  return [...all.map(phrase), ...none.map((clause) => `!${phrase(clause)}`)].join(' & ');
}
