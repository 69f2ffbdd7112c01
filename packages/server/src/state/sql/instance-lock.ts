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

/** How long a start waits for worker processes of a server that was killed: they end by themselves as soon as they notice. */
const workersEndMs = 10_000;

/** Takes the lock or throws `unavailable`: at once when a server has it. The directory has to exist. */
export function lockInstance(directory: string): InstanceLock {
  return locked(directory, (lock) => {
    // Node has no flock; an exclusive transaction that is held open is one. No waiting: a second process is a mistake to report.
    lock.exec('begin immediate');
    lock.exec('rollback');
    // Nobody serves this folder. What may still hold its share of the lock are workers whose supervisor was killed.
    lock.pragma(`busy_timeout = ${workersEndMs}`);
    lock.exec('begin exclusive');
  });
}

/**
 * The lock of a supervisor: refused and refusing like the lock of a single process, while its workers hold their shares
 * (`shareInstance`). A server that comes later gets the lock when the supervisor and all of them are gone.
 */
export function lockForWorkers(directory: string): InstanceLock {
  lockInstance(directory).release();
  return locked(directory, (lock) => lock.exec('begin immediate'));
}

/** A worker's share of its supervisor's lock. Keeps others from the folder also when the supervisor is gone and this process is not yet. */
export function shareInstance(directory: string): InstanceLock {
  return locked(directory, (lock) => {
    lock.pragma(`busy_timeout = ${workersEndMs}`);
    lock.exec('begin');
    lock.prepare('select count(*) from sqlite_schema').get();
  });
}

function locked(directory: string, take: (lock: Database.Database) => void): InstanceLock {
  let db: Database.Database | null = null;
  try {
    db = new Database(join(directory, 'lock.db'), { timeout: 0 });
    const lock = db;
    take(lock);
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
