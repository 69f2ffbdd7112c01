/** Looks at a PostgreSQL database without changing anything in it: for `doctor`. */
import pg from 'pg';
import { missingStatements, postgresDdl } from './migrate.ts';
import { translatePostgresError } from './postgres-errors.ts';
import { checkUrl, placeName, refuseOldServer, startError } from './postgres-place.ts';
import { connectionOptions } from './postgres-pool.ts';

export interface DatabaseFacts {
  /** Without its password. */
  readonly place: string;
  readonly version: string;
  /** Null: there is nothing of Holdfast in it yet. */
  readonly schema: number | null;
  readonly connectionsMax: number;
  /** Whether the server syncs what it acknowledges: `fsync` and `full_page_writes`. */
  readonly syncs: boolean;
  /** Of one question. */
  readonly milliseconds: number;
  /** The database's clock, in epoch milliseconds, between `asked` and `answered` of this machine's. */
  readonly now: number;
}

/** Rejects with `unavailable` that says what is wrong, and `invalid-request` for an address that is none. */
export async function inspectPostgres(url: string, now: () => number): Promise<DatabaseFacts> {
  checkUrl(url);
  const client = new pg.Client({ ...connectionOptions({ url }), query_timeout: 5_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const asked = now();
    const { rows } = await client.query<Record<string, string | null>>(
      `select current_setting('server_version_num') as number, current_setting('server_version') as version,
        current_setting('max_connections') as connections, current_setting('fsync') as fsync,
        current_setting('full_page_writes') as pages, to_regclass('holdfast_schema')::text as known,
        pg_is_in_recovery()::text as standby, (extract(epoch from clock_timestamp()) * 1000)::bigint::text as now`,
    );
    const milliseconds = now() - asked;
    const row = rows[0] ?? {};
    refuseOldServer(Number(row['number']), url);
    if (row['standby'] === 'true') throw Object.assign(new Error('it is a standby'), { code: '25006' });
    const known = row['known'] !== null;
    const found = known
      ? await client.query<{ version: number | null }>('select max(version) as version from holdfast_schema')
      : null;
    const schema = found?.rows[0]?.version ?? null;
    if (schema !== null) missingStatements(schema, postgresDdl);
    return {
      place: placeName(url),
      version: row['version'] ?? '',
      schema,
      connectionsMax: Number(row['connections']),
      syncs: row['fsync'] === 'on' && row['pages'] === 'on',
      milliseconds,
      now: Number(row['now']),
    };
  } catch (error) {
    throw translatePostgresError(startError(error, url));
  } finally {
    await client.end().catch(() => {});
  }
}
