/** The PostgreSQL engine (13 and later): a pool, READ COMMITTED transactions with row locks, bounded retries. */

import type { CompiledQuery } from 'kysely';
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely';
import type pg from 'pg';
import type { DueStep, DueSteps } from '../../core/ports/due-steps.ts';
import { announce } from './due-steps.ts';
import type { Dialect, Engine, Session, Work } from './engine.ts';
import { Listeners } from './listeners.ts';
import { type Migration, missingStatements, postgresDdl, schemaTable, schemaVersion } from './migrate.ts';
import { PostgresChannel } from './postgres-channel.ts';
import { isConnectionLoss, isRetryable, LostCommit, OutOfTurn, translatePostgresError } from './postgres-errors.ts';
import { checkUrl, placeName, refuseOldServer, startError } from './postgres-place.ts';
import { type PostgresOptions, PostgresPool } from './postgres-pool.ts';
import type { Tables } from './schema.ts';

/** Ids per transaction: 2^53 / 2^12 leaves room for 2^41 transactions. */
const eventsPerTransactionMax = 4096;
const attemptsMax = 12;
/** The pause before a transaction is tried again, at most: those that got into each other's way come one behind the other. */
const pauseMsMax = 50;
const migrationMsMax = 24 * 3_600_000;
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
    outOfTurn: () => new OutOfTurn(),
  },
};

export interface PostgresEngineOptions extends PostgresOptions {
  /** Who is to be told, in the same transaction, that steps have become due. Default: nobody. */
  readonly dueSteps?: DueSteps | undefined;
}

export class PostgresEngine implements Engine {
  readonly dialect = postgresDialect;
  readonly #pool: PostgresPool;
  readonly #dueSteps: DueSteps | null;
  readonly #where: string;
  readonly #listeners = new Listeners();
  readonly #newestEvent: CompiledQuery<{ id: number }>;
  /** Null: nobody else works on this database, as far as this engine cares. */
  readonly #channel: PostgresChannel | null;
  #version = '';
  #open = true;

  private constructor(options: PostgresEngineOptions, process: string | null) {
    this.#pool = new PostgresPool(options);
    this.#dueSteps = options.dueSteps ?? null;
    this.#where = placeName(options.url);
    const { url, clock } = options;
    this.#channel =
      process === null ? null : new PostgresChannel({ url, clock, process, heard: () => this.#listeners.call() });
    this.#newestEvent = postgresDialect.build
      .selectFrom('events')
      .select('id')
      .where('id', '<', postgresDialect.eventIds?.horizon ?? 0)
      .orderBy('id', 'desc')
      .limit(1)
      .compile();
  }

  /**
   * Connects and brings the schema up to date. With the name of a `process`, it hears what others append, and tells them what it does.
   * Rejects with `unavailable` that says what is wrong with the server, the database, the user or the schema.
   */
  static async open(
    options: PostgresEngineOptions,
    { known, process = null }: { readonly known?: readonly Migration[]; readonly process?: string | null } = {},
  ): Promise<PostgresEngine> {
    checkUrl(options.url);
    const engine = new PostgresEngine(options, process);
    try {
      await engine.#transaction(async (client) => {
        // Migrations of a large table may take longer than any statement in service.
        await client.query('set local statement_timeout = 0');
        await client.query('set local idle_in_transaction_session_timeout = 0');
        const { rows } = await client.query<{ number: string; version: string }>(
          `select current_setting('server_version_num') as number, current_setting('server_version') as version`,
        );
        refuseOldServer(Number(rows[0]?.number), options.url);
        engine.#version = rows[0]?.version ?? '';
        await migratePostgres(client, known);
      });
      engine.#channel?.open();
      return engine;
    } catch (error) {
      await engine.close();
      throw translatePostgresError(startError(error, options.url));
    }
  }

  async read<R>(query: CompiledQuery<R>): Promise<R[]> {
    const deadline = this.#pool.deadline();
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#readOnce(query);
      } catch (error) {
        if (isConnectionLoss(error) && (await this.#pool.mayRetry(deadline, attempt))) continue;
        throw translatePostgresError(error);
      }
    }
  }

  async write<T>(work: Work<T>): Promise<T> {
    const deadline = this.#pool.deadline();
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
        if (appended > 0) this.#appended();
        return value;
      } catch (error) {
        if (attempt < attemptsMax && isRetryable(error)) {
          await this.#pool.pause(Math.min(2 ** attempt, pauseMsMax));
          continue;
        }
        if (isConnectionLoss(error) && (await this.#pool.mayRetry(deadline, attempt))) continue;
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

  /** A line for people. Rejects when the database does not answer. */
  async describe(): Promise<string> {
    await this.read(sql`select 1`.compile(postgresDialect.build));
    const { busy, max, waiting } = this.#pool.load;
    const listens = this.#channel === null || this.#channel.isConnected ? '' : ', does not hear of other nodes at once';
    const queue = waiting === 0 ? '' : `, ${waiting} waiting for one`;
    return `PostgreSQL ${this.#version}, ${this.#where}, ${busy} of ${max} connections busy${queue}${listens}`;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#channel?.close();
    await this.#pool.end();
  }

  #appended(): void {
    this.#listeners.call();
    this.#channel?.tell();
  }

  async #readOnce<R>(query: CompiledQuery<R>): Promise<R[]> {
    return await this.#with(async (client) => {
      const result = await client.query({ text: query.sql, values: [...query.parameters] });
      return result.rows as R[];
    });
  }

  #transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return this.#with(async (client, breaks) => {
      let committing = false;
      try {
        await client.query('begin isolation level read committed');
        const value = await work(client);
        committing = true;
        await client.query('commit');
        return value;
      } catch (error) {
        if (isConnectionLoss(error)) throw committing ? new LostCommit(error) : error;
        await client.query('rollback').catch(breaks);
        throw error;
      }
    });
  }

  /** With a connection that is given back, or closed when it broke. */
  async #with<T>(work: (client: pg.PoolClient, breaks: () => void) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken = false;
    const breaks = (): void => {
      broken = true;
    };
    // A connection that breaks between two statements says so in an event, which would end the process if nobody listened.
    client.on('error', breaks);
    try {
      return await work(client, breaks);
    } catch (error) {
      broken ||= error instanceof LostCommit || isConnectionLoss(error);
      throw error;
    } finally {
      client.off('error', breaks);
      this.#pool.release(client, broken);
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

async function migratePostgres(client: pg.PoolClient, known: readonly Migration[] | undefined): Promise<void> {
  const patient = (text: string) => {
    const config = { text, query_timeout: migrationMsMax };
    return client.query(config);
  };
  await patient(`select pg_advisory_xact_lock(${migrationLock})`);
  await client.query(schemaTable);
  const { rows } = await client.query<{ version: number | null }>(schemaVersion);
  for (const statement of missingStatements(rows[0]?.version ?? 0, postgresDdl, known)) await patient(statement);
  await checkEventBase(client);
}

/**
 * See `EventIds`: in a database restored from a dump, transactions are counted anew and would number events below those it has. Compared with the
 * first transaction number that was not given out when the events were looked at: with one's own, which may be older than the newest event, the
 * base would rise whenever a node starts beside others that append, and those would number events below what was read already.
 */
async function checkEventBase(client: pg.PoolClient): Promise<void> {
  await client.query(`insert into meta (name, value) values ('event_base', 0) on conflict do nothing`);
  await client.query(
    `update meta set value = seen.last + 1 - seen.oldest from (
       select coalesce(max(id), 0) / ${eventsPerTransactionMax} as last,
         pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest,
         pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next
       from events
     ) as seen where name = 'event_base' and value + seen.next <= seen.last`,
  );
}
