/** One connection to an SQLite file, set up so that a commit survives power loss once the log was synced (`log-sync.ts`), and checked to be so. */
import Database from 'better-sqlite3';
import type { CompiledQuery } from 'kysely';
import { HoldfastError } from '../../core/errors.ts';

/** How long a statement waits for another process's transaction. */
const busyTimeoutMs = 5_000;
/** The log is cut back to this after a checkpoint. */
const journalBytesMax = 64 * 1024 * 1024;
/**
 * Pages that a connection keeps in memory, as many as SQLite itself has in mind: the bound of what a database of any size costs. Beyond it, pages come from the
 * kernel's cache.
 */
const pageCacheKib = 2 * 1024;
/** Statements kept prepared: far more than the store has. Those with a number that people choose (the rows of a page) are one for each, and are what this bounds. */
const preparedMax = 500;

interface Pragma {
  readonly name: string;
  readonly set: string | number;
  readonly expect: string | number;
}

// NORMAL: SQLite syncs the log before it moves pages from it into the database, and what it moved before it starts the log anew. The sync of
// each commit is ours. Set after the mode, because the driver's build has a default of its own for WAL.
const pragmas: readonly Pragma[] = [
  { name: 'busy_timeout', set: busyTimeoutMs, expect: busyTimeoutMs },
  { name: 'journal_mode', set: 'wal', expect: 'wal' },
  { name: 'synchronous', set: 'normal', expect: 1 },
  { name: 'foreign_keys', set: 'on', expect: 1 },
  { name: 'journal_size_limit', set: journalBytesMax, expect: journalBytesMax },
  // In files under /tmp otherwise, which a container with a read-only root does not have: then a large transaction fails.
  { name: 'temp_store', set: 'memory', expect: 2 },
  // Negative: KiB instead of pages.
  { name: 'cache_size', set: -pageCacheKib, expect: -pageCacheKib },
];

export class SqliteConnection {
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();

  constructor(file: string, mode: 'write' | 'read') {
    this.#db = translated(() => new Database(file));
    try {
      for (const pragma of pragmas) this.#db.pragma(`${pragma.name} = ${pragma.set}`);
      if (mode === 'read') this.#db.pragma('query_only = on');
      this.assertDurable();
    } catch (error) {
      this.#db.close();
      throw translateSqliteError(error);
    }
  }

  /** Throws unless the settings that durability rests on are in force. */
  assertDurable(): void {
    for (const { name, expect } of pragmas) {
      const value = this.#db.pragma(name, { simple: true });
      if (value !== expect) {
        throw new HoldfastError(
          'unavailable',
          `SQLite's ${name} is ${String(value)} and has to be ${expect}; is the file on a file system without shared memory?`,
        );
      }
    }
  }

  get inTransaction(): boolean {
    return this.#db.inTransaction;
  }

  /** Runs one statement that returns rows. */
  all<R>(query: Pick<CompiledQuery<R>, 'sql' | 'parameters'>): R[] {
    return this.#statement(query.sql).all(...query.parameters) as R[];
  }

  /** Runs one statement that returns none; the number of rows it changed. */
  run(query: Pick<CompiledQuery<unknown>, 'sql' | 'parameters'>): number {
    return this.#statement(query.sql).run(...query.parameters).changes;
  }

  exec(statement: string): void {
    this.run({ sql: statement, parameters: [] });
  }

  /** Lets the work change the text of tables, which is refused otherwise. */
  editingSchema(work: () => void): void {
    this.#db.unsafeMode(true);
    try {
      work();
    } finally {
      this.#db.unsafeMode(false);
    }
  }

  /** Rises when another connection has committed to the file since the last call. */
  dataVersion(): number {
    return Number(this.#db.pragma('data_version', { simple: true }));
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #statement(text: string): Database.Statement {
    const known = this.#statements.get(text);
    if (known) return known;
    const statement = this.#db.prepare(text);
    if (this.#statements.size >= preparedMax) this.#statements.clear();
    this.#statements.set(text, statement);
    return statement;
  }
}

/** Operating errors become HoldfastErrors; broken constraints and bad statements stay what they are: mistakes in this code. */
export function translateSqliteError(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const options = { cause: error };
  const kind = error.code.split('_')[1];
  if (kind === 'FULL') return new HoldfastError('insufficient-storage', 'No room left for the database.', options);
  if (kind === 'CORRUPT' || kind === 'NOTADB')
    return new HoldfastError('storage-damaged', `The database file is damaged: ${error.message}.`, options);
  const outage =
    kind === 'BUSY' ||
    kind === 'LOCKED' ||
    kind === 'IOERR' ||
    kind === 'CANTOPEN' ||
    kind === 'READONLY' ||
    kind === 'NOMEM' ||
    kind === 'PERM' ||
    kind === 'PROTOCOL';
  return outage
    ? new HoldfastError('unavailable', `The database file cannot be used now: ${error.message}.`, options)
    : error;
}

function translated<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (error instanceof TypeError)
      throw new HoldfastError('unavailable', `The database file cannot be opened: ${error.message}`, { cause: error });
    throw translateSqliteError(error);
  }
}
