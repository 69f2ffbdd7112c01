/**
 * Rows by which processes agree whose turn it is: what a database has to do. Only statements live behind these interfaces; when they are
 * asked, and what follows from the answers, is the same for every database (`lease-keeper.ts`).
 *
 * A table belongs to one process, under a name that never comes again. Times are the database's own: processes need not agree on theirs.
 */

/** One turn of this process at a place. */
export interface Lease<Place> {
  readonly place: Place;
  /** Counts the turns of this process. */
  readonly grant: number;
}

export interface LeaseTable<Place> {
  /**
   * Takes the place for `forMs` from the database's now on, in one step that no other process can get into:
   *
   * - `taken`: nobody had it;
   * - `forced`: the row of a process that let it run out was still there. One that was given back in order leaves none;
   * - `held`: somebody else has it, until later.
   *
   * Asked again for the same lease after `held`. When it rejects, the row may have become this lease's all the same: it is left to run out.
   * An adapter that asks the database again by itself, because an answer was lost, answers as it did the first time.
   */
  take(lease: Lease<Place>, forMs: number): Promise<Taken>;
  /** Removes the row of this lease. Never the row of whoever came after it; without effect when there is none. */
  remove(lease: Lease<Place>): Promise<void>;
  /**
   * Makes those rows good for `forMs` from the database's now on that are still of these leases, and resolves to their grants. Rows of
   * others are not touched. A row that has run out, and that nobody has taken over, may be seen either way: its holder does not trust it any more.
   */
  renew(leases: readonly Lease<Place>[], forMs: number): Promise<readonly number[]>;
}

export type Taken = 'taken' | 'forced' | 'held';

/** Claims of places in an upload. A row says which process has it, not which turn. */
export interface ClaimTable extends LeaseTable<ClaimPlace> {
  /**
   * As above; and a row of this process is not held by somebody else, whichever turn left it: requests of one process have agreed before,
   * so the one that left it has ended. It is `forced` again if it was: the answer that said so may have been lost.
   */
  take(lease: Lease<ClaimPlace>, forMs: number): Promise<Taken>;
}

export interface ClaimPlace {
  readonly uploadId: string;
  readonly offset: number;
}

/** Locks of uploads. A row also says whether somebody else wants it. */
export interface LockTable extends LeaseTable<string> {
  /** As above; `held` also notes in the row that it is wanted, and a row that is taken is not wanted yet. */
  take(lease: Lease<string>, forMs: number): Promise<Taken>;
  /** Grants of those of the leases that somebody wants. */
  hear(leases: readonly Lease<string>[]): Promise<readonly number[]>;
  /** Makes the row of this lease run out now, as if the process had gone: the next one is told `forced`. Never the row of whoever came after it. */
  expire(lease: Lease<string>): Promise<void>;
}
