/** Makes sure that one process uses a data directory. The lock is the kernel's, so it is free again the moment its holder dies. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { HoldfastError } from '../../core/errors.ts';

export interface InstanceLock {
  /** Lets go. Idempotent. */
  release(): void;
}

/**
 * Held locks. A connection that nobody refers to is closed by the garbage collector, and the lock with it: a caller that does not
 * keep what it got would lose the lock at some moment.
 */
const held = new Set<Database.Database>();

/** Takes the lock or throws `unavailable` at once. The directory has to exist. */
export function lockInstance(directory: string): InstanceLock {
  let db: Database.Database | null = null;
  try {
    // Node has no flock; an exclusive transaction that is held open is one. No waiting: a second process is a mistake to report.
    db = new Database(join(directory, 'lock.db'), { timeout: 0 });
    const lock = db;
    lock.exec('begin exclusive');
    held.add(lock);
    return {
      release: () => {
        held.delete(lock);
        lock.close();
      },
    };
  } catch (error) {
    db?.close();
    const busy = error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
    const message = busy
      ? `Another Holdfast process uses the data directory ${directory}. Stop it first, or give this one a directory of its own.`
      : `The data directory ${directory} cannot be locked: ${error instanceof Error ? error.message : String(error)}`;
    throw new HoldfastError('unavailable', message, { cause: error });
  }
}
