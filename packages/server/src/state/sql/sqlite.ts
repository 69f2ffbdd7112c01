/** The SQLite engine: one connection that writes, with group commit, and one that reads what is committed while that is at it. */

import type { CompiledQuery } from 'kysely';
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, sql } from 'kysely';
import type { Dialect, Engine, Work } from './engine.ts';
import { GroupCommit } from './group-commit.ts';
import { Listeners } from './listeners.ts';
import { LogSync } from './log-sync.ts';
import { type Migration, missingStatements, schemaTable, schemaVersion, sqliteDdl } from './migrate.ts';
import type { Tables } from './schema.ts';
import { SqliteCompiler } from './sqlite-compiler.ts';
import { SqliteConnection, translateSqliteError } from './sqlite-connection.ts';

export const sqliteDialect: Dialect = {
  name: 'sqlite',
  build: new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteCompiler(),
    },
  }),
  rowLocks: false,
  now: sql<number>`cast(unixepoch('subsec') * 1000 as integer)`,
  lockByName: null,
  eventIds: null,
};

export class SqliteEngine implements Engine {
  readonly dialect = sqliteDialect;
  readonly #writer: SqliteConnection;
  readonly #reader: SqliteConnection;
  readonly #log: LogSync;
  readonly #commits: GroupCommit;
  readonly #listeners = new Listeners();
  /** The writer's data version up to which the commits of other processes are known to be durable; null: there are no others. */
  #foreign: number | null = null;
  #open = true;

  private constructor(writer: SqliteConnection, reader: SqliteConnection, log: LogSync) {
    this.#writer = writer;
    this.#reader = reader;
    this.#log = log;
    this.#commits = new GroupCommit(writer, log, () => this.#listeners.call());
  }

  /** Opens or creates the file and brings its schema up to date. */
  static async open(
    file: string,
    known?: readonly Migration[],
    log: LogSync = new LogSync(`${file}-wal`),
  ): Promise<SqliteEngine> {
    const writer = new SqliteConnection(file, 'write');
    try {
      migrateSqlite(writer, known);
      writer.assertDurable();
      return new SqliteEngine(writer, new SqliteConnection(file, 'read'), log);
    } catch (error) {
      writer.close();
      throw translateSqliteError(error);
    }
  }

  async read<R>(query: CompiledQuery<R>): Promise<R[]> {
    try {
      const rows = this.#committed.all<R>(query);
      await this.#commits.seen;
      if (this.#foreign !== null) await this.#syncForeign();
      return rows;
    } catch (error) {
      throw translateSqliteError(error);
    }
  }

  /**
   * The connection that sees what is committed and nothing else. Between two transactions that is the writer, whose page cache is warm: a
   * commit of another connection empties the reader's.
   */
  get #committed(): SqliteConnection {
    return this.#writer.inTransaction ? this.#reader : this.#writer;
  }

  /**
   * From now on a reader also waits until what other processes have committed is durable: they wait for their own syncs before they tell
   * of it, and nobody else may tell of it earlier.
   */
  awaitForeignCommits(): void {
    this.#foreign ??= -1;
  }

  write<T>(work: Work<T>): Promise<T> {
    return this.#commits.write(work);
  }

  onAppend(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Counts commits of other processes: the writer's own do not change its data version. */
  async foreignChanges(): Promise<number> {
    try {
      return this.#writer.dataVersion();
    } catch (error) {
      throw translateSqliteError(error);
    }
  }

  /** After a read, so that what was read is in what is synced. */
  async #syncForeign(): Promise<void> {
    const version = this.#writer.dataVersion();
    if (version === this.#foreign) return;
    await this.#log.run();
    this.#foreign = version;
  }

  async describe(): Promise<string> {
    const [row] = await this.read<{ version: string }>(
      sql<{ version: string }>`select sqlite_version() as version`.compile(sqliteDialect.build),
    );
    return `SQLite ${row?.version ?? ''}`;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#commits.close();
    this.#log.close();
    this.#reader.close();
    this.#writer.close();
  }
}

/** Without a pause in it: another connection of this process that waited for the lock would hold up the one that has it. */
export function migrateSqlite(connection: SqliteConnection, known: readonly Migration[] | undefined): void {
  connection.exec('begin exclusive');
  try {
    connection.exec(schemaTable);
    const [row] = connection.all<{ version: number | null }>({ sql: schemaVersion, parameters: [] });
    const statements = missingStatements(row?.version ?? 0, sqliteDdl, known);
    if (statements.length > 0)
      connection.editingSchema(() => {
        for (const statement of statements) connection.exec(statement);
      });
    connection.exec('commit');
  } catch (error) {
    if (connection.inTransaction) connection.exec('rollback');
    throw error;
  }
}
