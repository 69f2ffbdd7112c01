/**
 * Locks for several processes that share a database and the bytes: a row for each upload that is held, with the process that holds it, the
 * time until which that is good, and whether somebody else wants it. A process looks at its rows several times a second while it has any.
 * See docs/decisions/0007.
 */
import type { Clock } from '../../core/ports/clock.ts';
import type { LockWish, UploadLock, UploadLocks } from '../../core/ports/upload-locks.ts';
import { MemoryUploadLocks } from '../memory/upload-locks.ts';
import { type Granted, LeaseKeeper } from './lease-keeper.ts';
import type { LockTable } from './lease-table.ts';

/** How long a lock outlives its process. Shorter than requests wait, so that the upload of a dead process is had at the first try. */
const standardGoodForMs = 8_000;
/** How soon a process hears that one of its uploads is wanted. */
const hearMs = 200;

export interface UploadLockOptions {
  readonly clock: Clock;
  /** Unique for this process among all that share the database: also after a restart. */
  readonly process: string;
  /** How long a lock stays good without being renewed. Default 8 s. */
  readonly goodForMs?: number;
}

export class LeasedUploadLocks implements UploadLocks {
  readonly #clock: Clock;
  readonly #table: LockTable;
  readonly #leases: LeaseKeeper<string>;
  /** Requests of this process agree here first, so that at most one of them has or wants the row of an upload. */
  readonly #local: MemoryUploadLocks;
  readonly #holders = new Map<number, () => void>();

  constructor(table: LockTable, { clock, goodForMs = standardGoodForMs }: Omit<UploadLockOptions, 'process'>) {
    this.#clock = clock;
    this.#table = table;
    const chores = { everyMs: hearMs, areLeft: () => false, run: () => this.#hear() };
    this.#leases = new LeaseKeeper({ clock, table, goodForMs, chores });
    this.#local = new MemoryUploadLocks(clock);
  }

  async acquire(uploadId: string, wish: LockWish): Promise<UploadLock | 'busy' | 'superseded'> {
    const deadline = this.#clock.now() + wish.waitMs;
    let wanted = false;
    const letGo = () => {
      if (wanted) return;
      wanted = true;
      wish.letGo();
    };
    const local = await this.#local.acquire(uploadId, { waitMs: wish.waitMs, letGo });
    if (typeof local === 'string') return local;
    try {
      const granted = await this.#leases.take(uploadId, { deadline, isSuperseded: () => wanted });
      if (typeof granted === 'object') return this.#lock(granted, { local, letGo });
      await local.release();
      return granted;
    } catch (error) {
      await local.release();
      throw error;
    }
  }

  /** Stops renewing. Locks that are still held run out by themselves. */
  close(): void {
    this.#leases.close();
  }

  #lock(
    { lease, forced }: Granted<string>,
    { local, letGo }: { readonly local: UploadLock; readonly letGo: () => void },
  ): UploadLock {
    this.#holders.set(lease.grant, letGo);
    let released = false;
    // When the database cannot be told, the row is left to run out, and the next one is told `forced`.
    const end = async (tell: () => Promise<void>) => {
      if (released) return;
      released = true;
      this.#holders.delete(lease.grant);
      this.#leases.drop(lease);
      try {
        await tell();
      } finally {
        await local.release();
      }
    };
    return {
      forced,
      isValid: () => this.#leases.isValid(lease),
      release: () => end(() => this.#table.remove(lease)),
      forfeit: () => end(() => this.#table.expire(lease)),
    };
  }

  async #hear(): Promise<void> {
    const held = this.#leases.held;
    if (held.length === 0) return;
    for (const grant of await this.#table.hear(held)) this.#holders.get(grant)?.();
  }
}
