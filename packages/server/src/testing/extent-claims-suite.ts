/** The conformance suite of `ExtentClaims`. */
import { expect } from 'vitest';
import type { ExtentClaim, ExtentClaims } from '../core/ports/extent-claims.ts';
import { type BrokenAdapter, type Check, type Fixture, registerSuite, type Suite } from './conformance.ts';
import { unique } from './sample-upload.ts';
import { instead } from './stand-in.ts';

export interface Claims {
  readonly claims: ExtentClaims;
  /** Claims of another process on the same places; the same object when there can be no other process. */
  readonly other: ExtentClaims;
}

const long = 10_000;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function held(claims: ExtentClaims, id: string, offset = 0): Promise<() => Promise<void>> {
  return (await claimed(claims, id, offset)).release;
}

async function claimed(claims: ExtentClaims, id: string, offset = 0): Promise<ExtentClaim> {
  const claim = await claims.acquire(id, offset, long);
  if (claim === null) throw new Error('The claim should have been granted.');
  expect(claim.isValid()).toBe(true);
  return claim;
}

export const extentClaimsChecks: readonly Check<Claims>[] = [
  {
    name: 'a place has one holder at a time, in all processes',
    run: async ({ claims, other }) => {
      const id = unique('upload');
      let inside = 0;
      let most = 0;
      const turns = Array.from({ length: 12 }, async (_, i) => {
        const release = await held(i % 2 === 0 ? claims : other, id);
        inside += 1;
        most = Math.max(most, inside);
        await pause(2);
        inside -= 1;
        await release();
      });
      await Promise.all(turns);
      expect(most).toBe(1);
    },
  },
  {
    name: 'who waits longer than allowed gets null, and leaves the place to the others',
    run: async ({ claims, other }) => {
      const id = unique('upload');
      const release = await held(claims, id);
      expect(
        await Promise.all([claims.acquire(id, 0, 0), claims.acquire(id, 0, 40), other.acquire(id, 0, 40)]),
      ).toEqual([null, null, null]);
      await release();
      await (await held(other, id))();
      await (await held(claims, id))();
    },
  },
  {
    name: 'who waits gets the place as soon as it is released',
    run: async ({ claims, other }) => {
      const id = unique('upload');
      for (const next of [claims, other]) {
        const release = await held(claims, id);
        const waiting = next.acquire(id, 0, long);
        await pause(10);
        await release();
        await (await waiting)?.release();
        expect(await waiting).not.toBeNull();
      }
    },
  },
  {
    name: 'within a process, the place goes to who has waited longest',
    run: async ({ claims }) => {
      const id = unique('upload');
      const order: number[] = [];
      const release = await held(claims, id);
      const waiting = [1, 2, 3, 4].map(async (number) => {
        const done = await held(claims, id);
        order.push(number);
        await done();
      });
      await release();
      await Promise.all(waiting);
      expect(order).toEqual([1, 2, 3, 4]);
    },
  },
  {
    name: 'other places and other uploads are not held up',
    run: async ({ claims, other }) => {
      const id = unique('upload');
      const releases = await Promise.all([
        held(claims, id, 0),
        held(claims, id, 100),
        held(other, id, 200),
        held(other, unique('upload'), 0),
      ]);
      await Promise.all(releases.map((release) => release()));
    },
  },
  {
    name: 'releasing twice does not release the next holder',
    run: async ({ claims }) => {
      const id = unique('upload');
      const first = await held(claims, id);
      await first();
      const second = await held(claims, id);
      await first();
      expect(await claims.acquire(id, 0, 20)).toBeNull();
      await second();
    },
  },
  {
    name: 'who gives a place up in order leaves nothing behind, who forfeits it has the next one told',
    run: async ({ claims }) => {
      const id = unique('upload');
      const first = await claimed(claims, id);
      expect(first.forced).toBe(false);
      await first.release();
      expect(first.isValid()).toBe(false);
      const second = await claimed(claims, id);
      expect(second.forced).toBe(false);
      await second.forfeit();
      const third = await claimed(claims, id);
      expect(third.forced).toBe(true);
      await third.release();
      const fourth = await claimed(claims, id);
      expect(fourth.forced).toBe(false);
      await fourth.release();
    },
  },
];

function free(): ExtentClaim {
  return { forced: false, isValid: () => true, release: async () => {}, forfeit: async () => {} };
}

export function extentClaimsSuite(name: string, open: () => Promise<Fixture<Claims>>): Suite<Claims> {
  return { name: `ExtentClaims on ${name}`, checks: extentClaimsChecks, open };
}

export function registerExtentClaimsSuite(name: string, open: () => Promise<Fixture<Claims>>): void {
  registerSuite(extentClaimsSuite(name, open));
}

function both(change: (claims: ExtentClaims) => Partial<ExtentClaims>): (subject: Claims) => Claims {
  return ({ claims, other }) => ({ claims: instead(claims, change(claims)), other: instead(other, change(other)) });
}

/** Claims with one obligation broken each. */
export const brokenExtentClaims: readonly BrokenAdapter<Claims>[] = [
  {
    name: 'grants whatever is asked',
    caughtBy: 'a place has one holder at a time, in all processes',
    break: both(() => ({ acquire: async () => free() })),
  },
  {
    name: 'tells nobody that it took too long',
    caughtBy: 'who waits longer than allowed gets null, and leaves the place to the others',
    break: both((claims) => ({
      acquire: async (id, offset, waitMs) => (await claims.acquire(id, offset, waitMs)) ?? free(),
    })),
  },
  {
    name: 'takes a forfeit for a release',
    caughtBy: 'who gives a place up in order leaves nothing behind, who forfeits it has the next one told',
    break: both((claims) => ({
      acquire: async (id, offset, waitMs) => {
        const claim = await claims.acquire(id, offset, waitMs);
        return claim && { ...claim, forfeit: claim.release };
      },
    })),
  },
  {
    name: 'does not wait',
    caughtBy: 'who waits gets the place as soon as it is released',
    break: both((claims) => ({ acquire: (id, offset) => claims.acquire(id, offset, 0) })),
  },
  {
    name: 'claims the whole upload',
    caughtBy: 'other places and other uploads are not held up',
    break: both((claims) => ({ acquire: (id, _offset, waitMs) => claims.acquire(id, 0, Math.min(waitMs, 100)) })),
  },
  {
    name: 'lets the newest go first',
    caughtBy: 'within a process, the place goes to who has waited longest',
    break: both((claims) => {
      const waiting: (() => void)[] = [];
      let busy = false;
      return {
        acquire: async (id, offset, waitMs) => {
          if (busy) await new Promise<void>((resolve) => waiting.push(resolve));
          busy = true;
          const claim = await claims.acquire(id, offset, waitMs);
          const release = async () => {
            await claim?.release();
            busy = false;
            waiting.pop()?.();
          };
          return { ...(claim ?? free()), release };
        },
      };
    }),
  },
  {
    name: 'forgets who holds the place when it is released',
    caughtBy: 'releasing twice does not release the next holder',
    break: both((claims) => {
      let current: ExtentClaim | null = null;
      return {
        acquire: async (id, offset, waitMs) => {
          const claim = await claims.acquire(id, offset, waitMs);
          if (claim === null) return null;
          current = claim;
          return { ...claim, release: async () => current?.release() };
        },
      };
    }),
  },
];
