/** Rows of leases in memory, as a database would keep them: for tests of what is done with them. */
import type { ClaimPlace, ClaimTable, Lease, LockTable, Taken } from '../state/leases/lease-table.ts';

interface Row {
  process: string;
  grant: number;
  until: number;
  wanted: boolean;
  forced: boolean;
}

/** What is kept of claims is kept under names that no upload has. */
function claimName({ uploadId, offset }: ClaimPlace): string {
  return `${uploadId}/${offset}`;
}

export class LeaseRows {
  readonly #now: () => number;
  readonly #rows = new Map<string, Row>();

  /** `now` is the database's clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The database loses what it was told last. */
  lose(name: string): void {
    this.#rows.delete(name);
  }

  locks(process: string): LockTable {
    const own = ({ place, grant }: Lease<string>): Row | undefined => {
      const row = this.#rows.get(place);
      return row?.process === process && row.grant === grant ? row : undefined;
    };
    return {
      take: async ({ place, grant }, forMs) => this.#take(place, { process, grant, forMs }, 'turns'),
      remove: async (lease) => {
        if (own(lease)) this.#rows.delete(lease.place);
      },
      renew: async (leases, forMs) => {
        const renewed = leases.filter((lease) => (own(lease)?.until ?? Number.NEGATIVE_INFINITY) >= this.#now());
        for (const lease of renewed) this.#prolong(own(lease), forMs);
        return renewed.map(({ grant }) => grant);
      },
      hear: async (leases) => leases.filter((lease) => own(lease)?.wanted).map(({ grant }) => grant),
      expire: async (lease) => {
        const row = own(lease);
        if (row) row.until = Number.NEGATIVE_INFINITY;
      },
    };
  }

  claims(process: string): ClaimTable {
    const rows = this.#rows;
    const names = (lease: Lease<ClaimPlace>): string | null => {
      const name = claimName(lease.place);
      return rows.get(name)?.process === process ? name : null;
    };
    return {
      take: async ({ place, grant }, forMs) => this.#take(claimName(place), { process, grant, forMs }, 'processes'),
      remove: async (lease) => {
        const name = names(lease);
        if (name !== null) rows.delete(name);
      },
      renew: async (leases, forMs) => {
        const renewed = leases.filter((lease) => names(lease) !== null);
        for (const { place } of renewed) this.#prolong(rows.get(claimName(place)), forMs);
        return renewed.map(({ grant }) => grant);
      },
    };
  }

  #prolong(row: Row | undefined, forMs: number): void {
    if (row) row.until = this.#now() + forMs;
  }

  #take(
    name: string,
    { process, grant, forMs }: { readonly process: string; readonly grant: number; readonly forMs: number },
    between: 'turns' | 'processes',
  ): Taken {
    const row = this.#rows.get(name);
    const mine = between === 'processes' && row?.process === process;
    if (row && !mine && row.until >= this.#now()) {
      row.wanted = true;
      return 'held';
    }
    const forced = mine ? row.forced : row !== undefined;
    this.#rows.set(name, { process, grant, until: this.#now() + forMs, wanted: false, forced });
    return forced ? 'forced' : 'taken';
  }
}
