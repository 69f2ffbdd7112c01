/** The PostgreSQL engine (13 and later): a pool, READ COMMITTED transactions with row locks, bounded retries. */

import type { CompiledQuery } from 'kysely';
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely';
import pg from 'pg';
import type { DueStep, DueSteps } from '../../core/ports/due-steps.ts';
import { announce } from './due-steps.ts';
import type { Dialect, Engine, Session, Work } from './engine.ts';
import { Listeners } from './listeners.ts';
import { type Migration, missingStatements, postgresDdl, schemaTable, schemaVersion } from './migrate.ts';
import { isConnectionLoss, isRetryable, translatePostgresError } from './postgres-errors.ts';
import type { Tables } from './schema.ts';

/** Ids per transaction: 2^53 / 2^12 leaves room for 2^41 transactions. */
const eventsPerTransactionMax = 4096;
const attemptsMax = 8;
const connectTimeoutMs = 5_000;
const int8Oid = 20;
/** Any number will do; it has to be the same in every version of Holdfast. */
const migrationLock = 7_205_759_403;

const eventBase = sql`(select value from meta where name = 'event_base')`;

export const postgresDialect: Dialect = {
  name: 'postgres',
  build: new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }),
  rowLocks: true,
  now: sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`,
  lockByName: (name) => sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.compile(postgresDialect.build),
  eventIds: {
    id: (index) =>
      sql<number>`(${eventBase} + pg_current_xact_id()::text::bigint) * ${sql.lit(eventsPerTransactionMax)} + ${index}`,
    horizon: sql<number>`(${eventBase} + pg_snapshot_xmin(pg_current_snapshot())::text::bigint) * ${sql.lit(eventsPerTransactionMax)}`,
    perTransactionMax: eventsPerTransactionMax,
  },
};

export interface PostgresOptions {
  readonly url: string;
  readonly connectionsMax: number;
  /** A statement that takes longer is given up. */
  readonly statementTimeoutMs: number;
  /** Who is to be told, in the same transaction, that steps have become due. Default: nobody. */
  readonly dueSteps?: DueSteps | undefined;
}

export class PostgresEngine implements Engine {
  readonly dialect = postgresDialect;
  readonly #pool: pg.Pool;
  readonly #dueSteps: DueSteps | null;
  readonly #listeners = new Listeners();
  readonly #newestEvent: CompiledQuery<{ id: number }>;
  #open = true;

  private constructor(pool: pg.Pool, dueSteps: DueSteps | null) {
    this.#pool = pool;
    this.#dueSteps = dueSteps;
    this.#newestEvent = postgresDialect.build
      .selectFrom('events')
      .select('id')
      .where('id', '<', postgresDialect.eventIds?.horizon ?? 0)
      .orderBy('id', 'desc')
      .limit(1)
      .compile();
  }

  /** Connects and brings the schema up to date. */
  static async open(options: PostgresOptions, known?: readonly Migration[]): Promise<PostgresEngine> {
    const pool = openPool(options);
    const engine = new PostgresEngine(pool, options.dueSteps ?? null);
    try {
      await engine.#transaction((client) => migratePostgres(client, known));
      return engine;
    } catch (error) {
      await pool.end();
      throw translatePostgresError(error);
    }
  }

  async read<R>(query: CompiledQuery<R>): Promise<R[]> {
    try {
      const result = await this.#pool.query({ text: query.sql, values: [...query.parameters] });
      return result.rows as R[];
    } catch (error) {
      throw translatePostgresError(error);
    }
  }

  async write<T>(work: Work<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        let appended = 0;
        const value = await this.#transaction(async (client) => {
          const session = new PostgresSession(client);
          const result = await work(session);
          appended = session.appended;
          if (this.#dueSteps !== null) await announce(client, this.#dueSteps, session.due);
          return result;
        });
        if (appended > 0) this.#listeners.call();
        return value;
      } catch (error) {
        if (attempt < attemptsMax && isRetryable(error)) continue;
        throw translatePostgresError(error);
      }
    }
  }

  onAppend(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** The newest event that is complete. It can lag behind a commit for as long as an older transaction runs. */
  async foreignChanges(): Promise<number> {
    const rows = await this.read(this.#newestEvent);
    return rows[0]?.id ?? 0;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#pool.end();
  }

  async #transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken = false;
    // A connection that breaks between two statements says so in an event, which would end the process if nobody listened.
    const onBreak = (): void => {
      broken = true;
    };
    client.on('error', onBreak);
    try {
      await client.query('begin isolation level read committed');
      const value = await work(client);
      await client.query('commit');
      return value;
    } catch (error) {
      broken ||= isConnectionLoss(error);
      if (!broken) {
        await client.query('rollback').catch(() => {
          broken = true;
        });
      }
      throw error;
    } finally {
      client.off('error', onBreak);
      client.release(broken);
    }
  }
}

class PostgresSession implements Session {
  appended = 0;
  /** Every commit is synced here: a server that dies loses what `synchronous_commit = off` left unsynced, even without a power cut. */
  durable = true;
  readonly due: DueStep[] = [];
  readonly #client: pg.PoolClient;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  stepDue(step: DueStep): void {
    this.due.push(step);
  }

  async rows<R>(query: CompiledQuery<R>): Promise<R[]> {
    const result = await this.#client.query({ text: query.sql, values: [...query.parameters] });
    return result.rows as R[];
  }

  async change(query: CompiledQuery<unknown>): Promise<number> {
    const result = await this.#client.query({ text: query.sql, values: [...query.parameters] });
    return result.rowCount ?? 0;
  }
}

function openPool(options: PostgresOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: 'holdfast',
    onConnect: (client) => settle(client, options.statementTimeoutMs),
    // Per pool, not for everybody who uses the driver in this process: bigint columns hold sizes and times, all below 2^53.
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === int8Oid && format !== 'binary'
          ? Number
          : pg.types.getTypeParser(oid, format === 'binary' ? 'binary' : 'text'),
    } as pg.CustomTypesConfig,
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => {});
  return pool;
}

/** A promise to a client rests on commits being on disk when they are acknowledged, whatever the server's or the role's default is. */
async function settle(client: pg.ClientBase, statementTimeoutMs: number): Promise<void> {
  await client.query(
    `select set_config('statement_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $1, false),
      set_config('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, false)`,
    [String(statementTimeoutMs)],
  );
}

async function migratePostgres(client: pg.PoolClient, known: readonly Migration[] | undefined): Promise<void> {
  // Migrations of a large table may take longer than any statement in service.
  await client.query('set local statement_timeout = 0');
  await client.query(`select pg_advisory_xact_lock(${migrationLock})`);
  await client.query(schemaTable);
  const { rows } = await client.query<{ version: number | null }>(schemaVersion);
  for (const statement of missingStatements(rows[0]?.version ?? 0, postgresDdl, known)) await client.query(statement);
  await checkEventBase(client);
}

/** See `EventIds`: in a database restored from a dump, transactions are counted anew and would number events below those it has. */
async function checkEventBase(client: pg.PoolClient): Promise<void> {
  await client.query(`insert into meta (name, value) values ('event_base', 0) on conflict do nothing`);
  await client.query(
    `update meta set value = needed.base from (
       select coalesce(max(id), 0) / ${eventsPerTransactionMax} + 1 - pg_current_xact_id()::text::bigint as base from events
     ) as needed where name = 'event_base' and value < needed.base`,
  );
}
