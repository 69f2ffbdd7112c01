/** The conformance suites of `ClaimTable` and `LockTable`: what a database has to do so that leases can be trusted. */
import { expect } from 'vitest';
import type { ClaimPlace, ClaimTable, Lease, LeaseTable, LockTable, Taken } from '../state/leases/lease-table.ts';
import { type Check, type Fixture, registerSuite } from './conformance.ts';
import { unique } from './sample-upload.ts';

/** The same rows as two processes see them. */
export interface TwoTables<T> {
  readonly own: T;
  readonly other: T;
}

export const long = 60_000;
/** Long enough for the next statement to come in time, and short enough to be waited for. */
const short = 250;

let grants = 0;

function leaseOf<Place>(place: Place): Lease<Place> {
  grants += 1;
  return { place, grant: grants };
}

/** Asks until the row that is there has run out, which has to be soon. */
async function takeOver<Place>(table: LeaseTable<Place>, lease: Lease<Place>): Promise<Taken> {
  const deadline = performance.now() + 4 * short;
  for (;;) {
    const taken = await table.take(lease, long);
    if (taken !== 'held' || performance.now() > deadline) return taken;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function takingChecks<Place, T extends LeaseTable<Place>>(place: () => Place): readonly Check<TwoTables<T>>[] {
  return [
    {
      name: 'a place is taken once; other places are free',
      run: async ({ own, other }) => {
        const lease = leaseOf(place());
        expect(await own.take(lease, long)).toBe('taken');
        expect(await other.take(leaseOf(lease.place), long)).toBe('held');
        expect(await other.take(leaseOf(place()), long)).toBe('taken');
      },
    },
    {
      name: 'of those that ask at once, one gets it',
      run: async ({ own, other }) => {
        const at = place();
        const answers = await Promise.all([own, other].map((table) => table.take(leaseOf(at), long)));
        expect(answers.sort()).toEqual(['held', 'taken']);
      },
    },
    {
      name: 'one that was removed leaves nothing behind',
      run: async ({ own, other }) => {
        const lease = leaseOf(place());
        await own.take(lease, long);
        await own.remove(lease);
        expect(await own.renew([lease], long)).toEqual([]);
        await own.remove(lease);
        expect(await other.take(leaseOf(lease.place), long)).toBe('taken');
      },
    },
    {
      name: 'one that ran out is taken by force',
      run: async ({ own, other }) => {
        const lease = leaseOf(place());
        await own.take(lease, 1);
        expect(await takeOver(other, leaseOf(lease.place))).toBe('forced');
      },
    },
    {
      name: 'whoever lost its row neither removes, renews nor takes that of the next one',
      run: async ({ own, other }) => {
        const lost = leaseOf(place());
        await own.take(lost, 1);
        const next = leaseOf(lost.place);
        await takeOver(other, next);
        await own.remove(lost);
        expect(await own.renew([lost], long)).toEqual([]);
        expect(await own.take(lost, long)).toBe('held');
        expect(await other.renew([next], long)).toEqual([next.grant]);
      },
    },
  ];
}

function renewingChecks<Place, T extends LeaseTable<Place>>(place: () => Place): readonly Check<TwoTables<T>>[] {
  return [
    {
      name: 'what is renewed lasts longer, and is named; what is not runs out',
      run: async ({ own, other }) => {
        const [renewed, left] = [leaseOf(place()), leaseOf(place())];
        await own.take(renewed, short);
        await own.take(left, short);
        expect(await own.renew([renewed], long)).toEqual([renewed.grant]);
        expect(await takeOver(other, leaseOf(left.place))).toBe('forced');
        expect(await other.take(leaseOf(renewed.place), long)).toBe('held');
      },
    },
    {
      name: 'a renewal is not longer than asked for',
      run: async ({ own, other }) => {
        const lease = leaseOf(place());
        await own.take(lease, long);
        await own.renew([lease], 1);
        expect(await takeOver(other, leaseOf(lease.place))).toBe('forced');
      },
    },
    {
      name: 'thousands are renewed at once',
      run: async ({ own }) => {
        const leases = Array.from({ length: 3_000 }, () => leaseOf(place()));
        const held = leases.filter((_lease, i) => i % 1_000 === 999);
        for (const lease of held) await own.take(lease, long);
        expect(new Set(await own.renew(leases, long))).toEqual(new Set(held.map(({ grant }) => grant)));
      },
    },
  ];
}

const farPlace = (): ClaimPlace => ({ uploadId: unique('upload'), offset: 2 ** 45 });

export const claimTableChecks: readonly Check<TwoTables<ClaimTable>>[] = [
  ...takingChecks<ClaimPlace, ClaimTable>(farPlace),
  ...renewingChecks<ClaimPlace, ClaimTable>(farPlace),
  {
    name: 'places of one upload are places of their own',
    run: async ({ own, other }) => {
      const uploadId = unique('upload');
      const [first, second] = [leaseOf({ uploadId, offset: 0 }), leaseOf({ uploadId, offset: 1 })];
      expect([await own.take(first, long), await other.take(second, long)]).toEqual(['taken', 'taken']);
      await own.remove(first);
      expect(await own.renew([first, second], long)).toEqual([]);
      expect(await other.renew([second], long)).toEqual([second.grant]);
    },
  },
  {
    name: 'a row that an earlier turn of the process left is its own',
    run: async ({ own }) => {
      const left = leaseOf({ uploadId: unique('upload'), offset: 0 });
      await own.take(left, long);
      expect(await own.take(leaseOf(left.place), long)).toBe('taken');
    },
  },
  {
    name: 'one that was taken by force stays that until it is removed, through renewals as well',
    run: async ({ own, other }) => {
      const { place } = leaseOf({ uploadId: unique('upload'), offset: 0 });
      await other.take(leaseOf(place), 1);
      const lost = leaseOf(place);
      expect(await takeOver(own, lost)).toBe('forced');
      await own.renew([lost], long);
      const again = leaseOf(place);
      expect(await own.take(again, long)).toBe('forced');
      await own.remove(again);
      expect(await own.take(leaseOf(place), long)).toBe('taken');
    },
  },
];

export const lockTableChecks: readonly Check<TwoTables<LockTable>>[] = [
  ...takingChecks<string, LockTable>(() => unique('upload')),
  ...renewingChecks<string, LockTable>(() => unique('upload')),
  {
    name: 'the holder hears that its lock is wanted, and nobody else hears it',
    run: async ({ own, other }) => {
      const [wanted, unwanted] = [leaseOf(unique('upload')), leaseOf(unique('upload'))];
      await own.take(wanted, long);
      await own.take(unwanted, long);
      const next = leaseOf(wanted.place);
      expect(await own.hear([wanted, unwanted])).toEqual([]);
      await other.take(next, long);
      expect(await own.hear([wanted, unwanted])).toEqual([wanted.grant]);
      expect(await own.renew([wanted], long)).toEqual([wanted.grant]);
      expect(await own.hear([wanted])).toEqual([wanted.grant]);
      await own.remove(wanted);
      expect(await other.take(next, long)).toBe('taken');
      expect(await other.hear([next])).toEqual([]);
    },
  },
  {
    name: 'a row that an earlier turn of the process left is not that of the next turn',
    run: async ({ own }) => {
      const left = leaseOf(unique('upload'));
      await own.take(left, long);
      const next = leaseOf(left.place);
      expect(await own.take(next, long)).toBe('held');
      await own.remove(next);
      await own.expire(next);
      expect(await own.renew([next], long)).toEqual([]);
      expect(await own.renew([left], long)).toEqual([left.grant]);
    },
  },
  {
    name: 'one that was made to run out is taken by force, and not renewed',
    run: async ({ own, other }) => {
      const lease = leaseOf(unique('upload'));
      await own.take(lease, long);
      await own.expire(lease);
      expect(await own.renew([lease], long)).toEqual([]);
      const next = leaseOf(lease.place);
      expect(await other.take(next, long)).toBe('forced');
      await own.expire(lease);
      expect(await own.take(leaseOf(lease.place), long)).toBe('held');
    },
  },
];

export function registerLeaseTables(
  name: string,
  open: () => Promise<Fixture<{ readonly claims: TwoTables<ClaimTable>; readonly locks: TwoTables<LockTable> }>>,
): void {
  const only = async <T>(pick: (subject: Awaited<ReturnType<typeof open>>['subject']) => T): Promise<Fixture<T>> => {
    const { subject, close } = await open();
    return { subject: pick(subject), close };
  };
  registerSuite({ name: `ClaimTable on ${name}`, checks: claimTableChecks, open: () => only(({ claims }) => claims) });
  registerSuite({ name: `LockTable on ${name}`, checks: lockTableChecks, open: () => only(({ locks }) => locks) });
}
