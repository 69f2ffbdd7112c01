/**
 * One moment of a PostgreSQL state that nodes write to. A transaction keeps it, and `pg_dump` writes the same moment to a file (pg_export_snapshot,
 * PostgreSQL manual "Snapshot Synchronization Functions").
 */
import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { CompiledQuery } from 'kysely';
import pg from 'pg';
import { HoldfastError } from '../../core/errors.ts';
import { postgresDialect } from './postgres.ts';
import { codeOf, translatePostgresError } from './postgres-errors.ts';
import { checkUrl, startError } from './postgres-place.ts';
import { bigintAsNumber, connectionOptions } from './postgres-pool.ts';
import type { Snapshot } from './snapshot.ts';

/** Receipts wait behind us for as long as we wait for one that is under way. More than PostgreSQL takes to see that a vacuum is in our way (1 s). */
const lockMs = 2_000;
const lockAttemptsMax = 10;
const lockNotAvailable = '55P03';
/** Rows that belong to processes that live: who restores has others. */
const processTables = ['nodes', 'leases', 'extent_claims', 'upload_locks'];
const complaintCharsMax = 2_000;

export interface PostgresSnapshotOptions {
  readonly url: string;
  /** For `pg_dump`: PATH, PGPASSWORD and the like. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export class PostgresSnapshot implements Snapshot {
  readonly dialect = postgresDialect;
  readonly #client: pg.Client;
  readonly #name: string;
  readonly #options: PostgresSnapshotOptions;

  private constructor(client: pg.Client, name: string, options: PostgresSnapshotOptions) {
    this.#client = client;
    this.#name = name;
    this.#options = options;
  }

  /**
   * Runs `frozen` while nobody can commit anything about an upload (keep it short: receipts wait), and keeps what is committed then.
   * Rejects with `unavailable`, and `invalid-request` for an address that is none.
   */
  static async take(options: PostgresSnapshotOptions, frozen: () => void): Promise<PostgresSnapshot> {
    checkUrl(options.url);
    const writers = clientOf(options.url);
    const reader = clientOf(options.url);
    try {
      await writers.connect();
      await reader.connect();
      await reader.query('begin isolation level repeatable read, read only');
      await holdWriters(writers);
      // The first statement is what fixes the moment.
      const { rows } = await reader.query<{ name: string }>('select pg_export_snapshot() as name');
      frozen();
      return new PostgresSnapshot(reader, rows[0]?.name ?? '', options);
    } catch (error) {
      await reader.end().catch(() => {});
      throw translatePostgresError(startError(error, options.url));
    } finally {
      // With the connection goes the lock.
      await writers.end().catch(() => {});
    }
  }

  async rows<R>({ sql, parameters }: CompiledQuery<R>): Promise<R[]> {
    try {
      return (await this.#client.query(sql, [...parameters])).rows as R[];
    } catch (error) {
      throw translatePostgresError(error);
    }
  }

  async writeTo(path: string, signal: AbortSignal): Promise<boolean> {
    const { url, password } = withoutPassword(this.#options.url);
    const without = processTables.map((table) => `--exclude-table-data=${table}`);
    const args = ['--format=custom', '--no-password', `--snapshot=${this.#name}`, ...without];
    const env = { ...this.#options.env, ...(password === null ? {} : { PGPASSWORD: password }) };
    const child = spawn('pg_dump', [...args, `--file=${path}`, `--dbname=${url}`], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const kill = () => void child.kill();
    signal.addEventListener('abort', kill, { once: true });
    if (signal.aborted) kill();
    let said = '';
    child.stderr.on('data', (text: Buffer) => {
      said = `${said}${text.toString()}`.slice(-complaintCharsMax);
    });
    try {
      const code = await new Promise<number | null>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', resolve);
      });
      if (signal.aborted) return false;
      if (code === 0) return true;
      throw new HoldfastError('unavailable', `pg_dump could not write the state: ${said.trim()}`);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      throw new HoldfastError(
        'unavailable',
        "There is no pg_dump on the PATH. Install PostgreSQL's client programs, of the version of the server or a later one.",
        { cause: error },
      );
    } finally {
      signal.removeEventListener('abort', kill);
    }
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => {});
  }
}

/**
 * Waits for every transaction that writes to an upload, and lets no other one begin until the connection ends. A SHARE lock on one table
 * does: what concerns an upload's bytes always changes its row in the same transaction. One table, so that nothing can deadlock.
 */
async function holdWriters(client: pg.Client): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query('begin');
      await client.query(`set local lock_timeout = ${lockMs}`);
      await client.query('lock table uploads in share mode');
      return;
    } catch (error) {
      await client.query('rollback');
      if (codeOf(error) !== lockNotAvailable || attempt === lockAttemptsMax) throw error;
      await pause(lockMs);
    }
  }
}

/** A copy takes as long as it takes: time-outs that are set for the role or the server are not for this. */
function clientOf(url: string): pg.Client {
  const client = new pg.Client({
    ...connectionOptions({ url }),
    application_name: 'holdfast-backup',
    options: '-c statement_timeout=0 -c idle_in_transaction_session_timeout=0',
    types: bigintAsNumber,
  });
  client.on('error', () => {});
  return client;
}

/** Arguments of a process can be read by everybody on the machine. */
function withoutPassword(url: string): { url: string; password: string | null } {
  const inAuthority = /^([a-z]+:\/\/[^:@/?]*):([^@/?]*)@/i.exec(url);
  const inQuery = /[?&]password=([^&]*)/.exec(url);
  const found = inAuthority?.[2] ?? inQuery?.[1] ?? null;
  const bare = url
    .replace(/^([a-z]+:\/\/[^:@/?]*):[^@/?]*@/i, '$1@')
    .replace(/([?&])password=[^&]*(&|$)/, (_all, before: string, after: string) => (after === '' ? '' : before));
  return { url: bare, password: found === null ? null : decodeURIComponent(found) };
}
