/** Tables of leases with one obligation broken each, which the suite has to find out. */
import type { ClaimTable, Lease, LockTable } from '../state/leases/lease-table.ts';
import type { BrokenAdapter } from './conformance.ts';
import { long, type TwoTables } from './lease-table-suite.ts';
import { instead } from './stand-in.ts';

function both<T extends object>(change: (table: T) => Partial<T>): (subject: TwoTables<T>) => TwoTables<T> {
  return ({ own, other }) => ({ own: instead(own, change(own)), other: instead(other, change(other)) });
}

export const brokenLockTables: readonly BrokenAdapter<TwoTables<LockTable>>[] = [
  {
    name: 'takes what is held',
    caughtBy: 'a place is taken once; other places are free',
    break: both<LockTable>((table) => ({ take: (lease, forMs) => table.take(lease, forMs).then(() => 'taken') })),
  },
  {
    name: 'has one row for everything',
    caughtBy: 'a place is taken once; other places are free',
    break: both((table) => ({ take: (lease, forMs) => table.take({ ...lease, place: 'all' }, forMs) })),
  },
  {
    name: 'looks first and takes later',
    caughtBy: 'of those that ask at once, one gets it',
    break: ({ own, other }) => {
      const taken = new Map<string, number>();
      const take = (table: LockTable): Partial<LockTable> => ({
        take: async (lease, forMs) => {
          if (taken.has(lease.place)) return 'held';
          await new Promise((resolve) => setTimeout(resolve, 5));
          taken.set(lease.place, lease.grant);
          await table.take(lease, forMs);
          return 'taken';
        },
      });
      return { own: instead(own, take(own)), other: instead(other, take(other)) };
    },
  },
  {
    name: 'lets removed rows run out',
    caughtBy: 'one that was removed leaves nothing behind',
    break: both((table) => ({ remove: (lease) => table.expire(lease) })),
  },
  {
    name: 'tells nobody of force',
    caughtBy: 'one that ran out is taken by force',
    break: both((table) => ({
      take: async (lease, forMs) => ((await table.take(lease, forMs)) === 'held' ? 'held' : 'taken'),
    })),
  },
  {
    name: 'says of every row that it was renewed',
    caughtBy: 'whoever lost its row neither removes, renews nor takes that of the next one',
    break: both<LockTable>(() => ({ renew: async (leases) => leases.map(({ grant }) => grant) })),
  },
  {
    name: 'renews nothing',
    caughtBy: 'what is renewed lasts longer, and is named; what is not runs out',
    break: both<LockTable>(() => ({ renew: async (leases) => leases.map(({ grant }) => grant) })),
  },
  {
    name: 'does not say what it renewed',
    caughtBy: 'what is renewed lasts longer, and is named; what is not runs out',
    break: both<LockTable>((table) => ({ renew: (leases, forMs) => table.renew(leases, forMs).then(() => []) })),
  },
  {
    name: 'renews for ever',
    caughtBy: 'a renewal is not longer than asked for',
    break: both((table) => ({ renew: (leases) => table.renew(leases, long) })),
  },
  {
    name: 'hears nothing',
    caughtBy: 'the holder hears that its lock is wanted, and nobody else hears it',
    break: both<LockTable>(() => ({ hear: async () => [] })),
  },
  {
    name: 'hears what nobody said',
    caughtBy: 'the holder hears that its lock is wanted, and nobody else hears it',
    break: both<LockTable>(() => ({ hear: async (leases) => leases.map(({ grant }) => grant) })),
  },
  {
    name: 'takes turns of one process for one',
    caughtBy: 'a row that an earlier turn of the process left is not that of the next turn',
    break: both((table) => {
      const last = new Map<string, Lease<string>>();
      return {
        take: (lease, forMs) => {
          const known = last.get(lease.place) ?? lease;
          last.set(lease.place, known);
          return table.renew([known], forMs).then((own) => (own.length > 0 ? 'taken' : table.take(known, forMs)));
        },
      };
    }),
  },
  {
    name: 'removes instead of making run out',
    caughtBy: 'one that was made to run out is taken by force, and not renewed',
    break: both((table) => ({ expire: (lease) => table.remove(lease) })),
  },
];

export const brokenClaimTables: readonly BrokenAdapter<TwoTables<ClaimTable>>[] = [
  {
    name: 'has one place for an upload',
    caughtBy: 'places of one upload are places of their own',
    break: both((table) => ({
      take: (lease, forMs) => table.take({ ...lease, place: { ...lease.place, offset: 0 } }, forMs),
    })),
  },
  {
    name: 'takes the row of an earlier turn for that of somebody else',
    caughtBy: 'a row that an earlier turn of the process left is its own',
    break: both((table) => {
      const mine = new Set<string>();
      return {
        take: async (lease, forMs) => {
          const name = `${lease.place.uploadId}/${lease.place.offset}`;
          if (mine.has(name)) return 'held';
          mine.add(name);
          return await table.take(lease, forMs);
        },
      };
    }),
  },
  {
    name: 'says only once that it was force',
    caughtBy: 'one that was taken by force stays that until it is removed, through renewals as well',
    break: both((table) => {
      const told = new Set<string>();
      return {
        take: async (lease, forMs) => {
          const taken = await table.take(lease, forMs);
          if (taken !== 'forced' || told.has(lease.place.uploadId)) return taken === 'held' ? 'held' : 'taken';
          told.add(lease.place.uploadId);
          return 'forced';
        },
      };
    }),
  },
];
