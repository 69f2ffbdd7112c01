/**
 * Claims for several processes that share the bytes: a row for each claim, with its holder and the time until which it is good. A holder
 * renews its rows while it lives; rows of one that died can be taken over once they have run out. A holder that was stopped for longer
 * (SIGSTOP, a suspended machine) may come back to a place that is somebody else's by then; see docs/decisions/0026.
 */
import type { Clock } from '../../core/ports/clock.ts';
import type { ExtentClaim, ExtentClaims } from '../../core/ports/extent-claims.ts';
import { MemoryExtentClaims } from '../memory/extent-claims.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { ClaimPlace, ClaimTable, Lease } from './lease-table.ts';

/** How long a claim outlives its process. */
const standardGoodForMs = 15_000;
/** How soon rows are removed that could not be at first. */
const clearMs = 1_000;

export interface ExtentClaimOptions {
  readonly clock: Clock;
  /** Unique for this process among all that share the database: also after a restart. */
  readonly holder: string;
  /** How long a claim stays good without being renewed. Default 15 s. */
  readonly goodForMs?: number;
}

function nameOf({ uploadId, offset }: ClaimPlace): string {
  return `${uploadId}/${offset}`;
}

/** Without having used it: what was said of the place stays said. */
async function giveBack(local: ExtentClaim): Promise<void> {
  await (local.forced ? local.forfeit() : local.release());
}

export class LeasedExtentClaims implements ExtentClaims {
  readonly #clock: Clock;
  readonly #table: ClaimTable;
  readonly #leases: LeaseKeeper<ClaimPlace>;
  /** Requests of this process queue here first, so that at most one of them polls for a place. */
  readonly #local: MemoryExtentClaims;
  /** Released, but the database was away: rows that are still there and stand in the way of other processes. */
  readonly #left = new Map<string, Lease<ClaimPlace>>();

  constructor(table: ClaimTable, { clock, goodForMs = standardGoodForMs }: Omit<ExtentClaimOptions, 'holder'>) {
    this.#clock = clock;
    this.#table = table;
    const chores = { everyMs: clearMs, areLeft: () => this.#left.size > 0, run: () => this.#clear() };
    this.#leases = new LeaseKeeper({ clock, table, goodForMs, chores });
    this.#local = new MemoryExtentClaims(clock);
  }

  async acquire(uploadId: string, offset: number, waitMs: number): Promise<ExtentClaim | null> {
    const deadline = this.#clock.now() + waitMs;
    const local = await this.#local.acquire(uploadId, offset, waitMs);
    if (local === null) return null;
    try {
      const granted = await this.#leases.take({ uploadId, offset }, { deadline, isSuperseded: () => false });
      if (typeof granted === 'object')
        return this.#claim(granted.lease, { local, forced: granted.forced || local.forced });
    } catch (error) {
      await giveBack(local);
      throw error;
    }
    await giveBack(local);
    return null;
  }

  /** Stops renewing. Claims that are still held run out by themselves. */
  close(): void {
    this.#leases.close();
  }

  #claim(
    lease: Lease<ClaimPlace>,
    { local, forced }: { readonly local: ExtentClaim; readonly forced: boolean },
  ): ExtentClaim {
    // What an earlier turn of this process left is this one's row now.
    this.#left.delete(nameOf(lease.place));
    let ended = false;
    const release = async () => {
      if (ended) return;
      ended = true;
      try {
        await this.#table.remove(lease);
      } catch (error) {
        this.#left.set(nameOf(lease.place), lease);
        throw error;
      } finally {
        this.#leases.drop(lease);
        await local.release();
      }
    };
    const forfeit = async () => {
      if (ended) return;
      ended = true;
      // The row stays, and runs out.
      this.#leases.drop(lease);
      await local.forfeit();
    };
    return { forced, isValid: () => !ended && this.#leases.isValid(lease), release, forfeit };
  }

  async #clear(): Promise<void> {
    for (const lease of this.#left.values()) await this.#removeLeft(lease);
  }

  /** Unless a request of this process is at the place: then the row is that one's. */
  async #removeLeft(lease: Lease<ClaimPlace>): Promise<void> {
    const { uploadId, offset } = lease.place;
    const local = await this.#local.acquire(uploadId, offset, 0);
    if (local === null) return;
    try {
      await this.#table.remove(lease);
      this.#left.delete(nameOf(lease.place));
    } finally {
      await giveBack(local);
    }
  }
}
