/** One moment of a state that others write to, for a backup. */
import Database from 'better-sqlite3';
import type { CompiledQuery } from 'kysely';
import { HoldfastError } from '../../core/errors.ts';
import type { Dialect } from './engine.ts';
import { sqliteDialect } from './sqlite.ts';

const busyMs = 30_000;
const pagesPerStep = 2_000;

export interface Snapshot {
  readonly dialect: Dialect;
  /** Rows of one question to that moment. */
  rows<R>(query: CompiledQuery<R>): Promise<R[]>;
  /** Writes all of it to a new file, from which it can be restored. False when it was stopped. Rejects with `unavailable`. */
  writeTo(path: string, signal: AbortSignal): Promise<boolean>;
  /** Lets go of the moment. Idempotent. */
  close(): Promise<void>;
}

/** Of an SQLite file. */
export class SqliteSnapshot implements Snapshot {
  readonly dialect = sqliteDialect;
  readonly #db: Database.Database;

  private constructor(db: Database.Database) {
    this.#db = db;
  }

  /**
   * Runs `frozen` while nobody can commit anything (keep it short: writers wait), and keeps what is committed then as this snapshot,
   * whatever is written afterwards. Throws `unavailable` when the file cannot be used.
   */
  static take(file: string, frozen: () => void): SqliteSnapshot {
    let writer: Database.Database | null = null;
    try {
      writer = new Database(file, { fileMustExist: true, timeout: busyMs });
      const db = new Database(file, { fileMustExist: true, readonly: true, timeout: busyMs });
      writer.exec('begin immediate');
      frozen();
      // The first read is what fixes the moment.
      db.exec('begin');
      db.prepare('select count(*) from holdfast_schema').get();
      writer.exec('rollback');
      return new SqliteSnapshot(db);
    } catch (cause) {
      throw new HoldfastError('unavailable', `The state cannot be read: ${(cause as Error).message}`, { cause });
    } finally {
      writer?.close();
    }
  }

  async rows<R>({ sql, parameters }: CompiledQuery<R>): Promise<R[]> {
    return this.#db.prepare(sql).all(...parameters) as R[];
  }

  async writeTo(path: string, signal: AbortSignal): Promise<boolean> {
    let abandoned = false;
    try {
      await this.#db.backup(path, {
        progress: () => {
          abandoned ||= signal.aborted;
          if (abandoned) throw new Error('stopped');
          return pagesPerStep;
        },
      });
    } catch (error) {
      if (abandoned) return false;
      throw error;
    }
    return true;
  }

  async close(): Promise<void> {
    this.#db.close();
  }
}
