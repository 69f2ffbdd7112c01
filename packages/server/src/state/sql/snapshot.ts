/** One moment of an SQLite state that others write to, for a backup. */
import Database from 'better-sqlite3';
import { HoldfastError } from '../../core/errors.ts';

const busyMs = 30_000;
const pagesPerStep = 2_000;

export class Snapshot {
  readonly #db: Database.Database;

  private constructor(db: Database.Database) {
    this.#db = db;
  }

  /**
   * Runs `frozen` while nobody can commit anything (keep it short: writers wait), and keeps what is committed then as this snapshot,
   * whatever is written afterwards. Rejects with `unavailable` when the file cannot be used.
   */
  static take(file: string, frozen: () => void): Snapshot {
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
      return new Snapshot(db);
    } catch (cause) {
      throw new HoldfastError('unavailable', `The state cannot be read: ${(cause as Error).message}`, { cause });
    } finally {
      writer?.close();
    }
  }

  /** Rows of one statement. */
  ask<R>(sql: string, ...parameters: readonly string[]): R[] {
    return this.#db.prepare(sql).all(...parameters) as R[];
  }

  /** Writes it to a new file, a bit at a time. False when it was stopped. */
  async writeTo(path: string, stopped: () => boolean): Promise<boolean> {
    let abandoned = false;
    try {
      await this.#db.backup(path, {
        progress: () => {
          abandoned ||= stopped();
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

  close(): void {
    this.#db.close();
  }
}
